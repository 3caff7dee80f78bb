// menu.* and integrations.menu.*

import assert from 'node:assert/strict';

import { eventually, method, simulated } from '../harness.mjs';

const items = (text) => [{ type: 'postback', text, payload: text.toUpperCase() }];

// Waits until Messenger shows these entries on the page.
function shown(line, expected) {
    return eventually(`${expected} on the page`, async () => {
        const path = '/messenger/v25.0/me/messenger_profile?fields=persistent_menu';
        const headers = { authorization: `Bearer ${line.known.pageAccessToken}` };
        const { data } = await simulated(path, { headers });
        const entries = data[0]?.persistent_menu?.[0].call_to_actions ?? [];
        return entries.map((one) => one.title).join() === expected.join();
    });
}

const labels = ({ menu }) => menu.items.map((one) => one.text);

method('menu.configure', async (world) => {
    const line = await world.joined('messenger');
    const { menu } = await world.api.menu.configure({ props: { items: items('Pay') } });
    assert.match(menu.items[0]._id, /^[0-9a-f]{24}$/);
    assert.deepEqual(await world.api.menu.get(), { menu });
    await shown(line, ['Pay']);
});

method('menu.get', async (world) => {
    assert.deepEqual(await world.api.menu.get(), { menu: { items: [] } });
    const set = await world.api.menu.configure({ props: { items: items('Pay') } });
    assert.deepEqual(await world.api.menu.get(), set);
});

method('menu.remove', async (world) => {
    const line = await world.joined('messenger');
    await world.api.menu.configure({ props: { items: items('Pay') } });
    await shown(line, ['Pay']);
    assert.deepEqual(await world.api.menu.remove(), { menu: { items: [] } });
    await shown(line, []);
});

// A page that shows the app's menu, and the client's methods for one of its own.
async function page(world) {
    const line = await world.joined('messenger');
    await world.own.menu.configure({ props: { items: items('Everybody') } });
    await shown(line, ['Everybody']);
    return { line, own: world.api.integrations.menu };
}

method('integrations.menu.create', async (world) => {
    const { line, own } = await page(world);
    const { menu } = await own.create({ integrationId: line.id, props: { items: items('Own') } });
    assert.deepEqual(await own.get(line.id), { menu });
    await shown(line, ['Own']);
});

method('integrations.menu.get', async (world) => {
    const { line, own } = await page(world);
    assert.deepEqual(labels(await own.get(line.id)), ['Everybody'], 'it falls back to the app’s');
    await own.create({ integrationId: line.id, props: { items: items('Own') } });
    assert.deepEqual(labels(await own.get(line.id)), ['Own']);
});

method('integrations.menu.update', async (world) => {
    const { line, own } = await page(world);
    await own.create({ integrationId: line.id, props: { items: items('Own') } });
    const changed = await own.update({ integrationId: line.id, props: { items: items('Changed') } });
    assert.deepEqual(labels(changed), ['Changed']);
    await shown(line, ['Changed']);
});

method('integrations.menu.delete', async (world) => {
    const { line, own } = await page(world);
    await own.create({ integrationId: line.id, props: { items: items('Own') } });
    assert.deepEqual(await own.delete(line.id), {});
    assert.deepEqual(labels(await own.get(line.id)), ['Everybody']);
    await shown(line, ['Everybody']);
});
