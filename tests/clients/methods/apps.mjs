// apps.*

import assert from 'node:assert/strict';

import { account, clientWith, method, rejectedWith } from '../harness.mjs';

method('apps.create', async ({ api }) => {
    const { app } = await api.apps.create('Shop', { useAnimalNames: true }, { tier: 1 });
    assert.match(app._id, /^[0-9a-f]{24}$/);
    assert.deepEqual([app.name, app.settings.useAnimalNames, app.metadata], ['Shop', true, { tier: 1 }]);
    assert.deepEqual((await api.apps.get(app._id)).app, app);
    const { key } = await account.apps.keys.create(app._id, 'its own');
    const own = clientWith({ keyId: key._id, secret: key.secret, scope: 'app' });
    assert.deepEqual(await own.webhooks.list(), { webhooks: [] }, 'its key opens it');
});

method('apps.list', async ({ api, appId }) => {
    const all = [];
    for (let more = true; more;) {
        const page = await api.apps.list(10, all.length);
        assert.equal(page.offset, all.length);
        all.push(...page.apps);
        more = page.hasMore;
    }
    assert.equal(all.filter((one) => one._id === appId).length, 1);
    assert.equal((await api.apps.list(1)).hasMore, true);
});

method('apps.get', async ({ api, own, appId }) => {
    const { app } = await api.apps.get(appId);
    assert.equal(app._id, appId);
    assert.deepEqual((await own.apps.get(appId)).app, app, 'its own key may ask, too');
    await rejectedWith(api.apps.get('000000000000000000000000'), 'app_not_found');
});

method('apps.update', async ({ api, own, appId }) => {
    const { app } = await api.apps.get(appId);
    const changed = await api.apps.update(appId, { name: 'Store', settings: { maskCreditCardNumbers: false } });
    const settings = { ...app.settings, maskCreditCardNumbers: false };
    assert.deepEqual(changed.app, { ...app, name: 'Store', settings });
    const { appUser } = await own.appUsers.create({ appUser: { userId: 'payer' } });
    const text = 'My card is 4242424242424242';
    const said = await own.appUsers.sendMessage(appUser._id, { role: 'appUser', type: 'text', text });
    assert.equal(said.message.text, text, 'the setting holds at once');
});

method('apps.delete', async ({ api, own, appId }) => {
    assert.deepEqual(await api.apps.delete(appId), {});
    await rejectedWith(api.apps.get(appId), 'app_not_found');
    await rejectedWith(own.webhooks.list(), 'unauthorized');
});

method('apps.getSdkIds', async ({ api, own, appId }) => {
    assert.deepEqual(await api.apps.getSdkIds(appId), {});
    assert.deepEqual(await own.apps.getSdkIds(appId), {});
});
