// templates.*

import assert from 'node:assert/strict';

import { method, rejectedWith } from '../harness.mjs';

const message = { role: 'appMaker', type: 'text', text: 'From nine to five' };

const made = async (world, name = 'hours') =>
    (await world.api.templates.create({ props: { name, message } })).template;

// What comes of a text that names the template, message by message.
async function said(world, name) {
    const { _id } = await world.user();
    const text = `Hello %((template:${name}))%`;
    const answer = await world.own.appUsers.sendMessage(_id, { role: 'appMaker', type: 'text', text });
    return [answer.message, ...(answer.extraMessages ?? [])].map((one) => one.text);
}

method('templates.create', async (world) => {
    const template = await made(world);
    assert.match(template._id, /^[0-9a-f]{24}$/);
    assert.deepEqual([template.name, template.message], ['hours', message]);
    assert.deepEqual(await said(world, 'hours'), ['Hello', 'From nine to five']);
    await rejectedWith(made(world), 'conflict');
});

method('templates.list', async (world) => {
    const [one, two] = [await made(world, 'one'), await made(world, 'two')];
    const first = await world.api.templates.list({ props: { limit: 1, offset: 0 } });
    assert.deepEqual(first, { templates: [one], hasMore: true, offset: 0 });
    const second = await world.api.templates.list({ props: { limit: 1, offset: 1 } });
    assert.deepEqual(second, { templates: [two], hasMore: false, offset: 1 });
    assert.deepEqual((await world.api.templates.list()).templates, [one, two]);
});

method('templates.get', async (world) => {
    const template = await made(world);
    assert.deepEqual((await world.api.templates.get(template._id)).template, template);
    await rejectedWith(world.api.templates.get('000000000000000000000000'), 'not_found');
});

method('templates.update', async (world) => {
    const template = await made(world);
    const changed = { name: 'times', message: { ...message, text: 'Round the clock' } };
    const answer = await world.api.templates.update(template._id, changed);
    assert.deepEqual(answer.template, { ...template, ...changed });
    assert.deepEqual(await said(world, 'times'), ['Hello', 'Round the clock']);
});

method('templates.delete', async (world) => {
    const template = await made(world);
    assert.deepEqual(await world.api.templates.delete(template._id), {});
    await rejectedWith(world.api.templates.get(template._id), 'not_found');
    assert.deepEqual(await said(world, 'hours'), ['Hello %((template:hours))%']);
});
