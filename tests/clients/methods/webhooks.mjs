// webhooks.*

import assert from 'node:assert/strict';

import { arrivedAt, endpointAt, eventually, method, rejectedWith } from '../harness.mjs';

// A webhook of the case's own, with the path at which it is told.
async function made(world, props) {
    const path = `/${world.appId}/own`;
    const target = endpointAt(path);
    return { path, webhook: (await world.api.webhooks.create({ props: { target, ...props } })).webhook };
}

// Somebody says something, which everybody who listens is told.
async function said(world, role) {
    const { _id } = await world.user();
    await world.own.appUsers.sendMessage(_id, { role, type: 'text', text: `As ${role}` });
    await world.heard(`message:${role}`);
}

const told = (path, trigger) =>
    eventually(`${trigger} at ${path}`, () => arrivedAt(path).find((one) => one.trigger === trigger));

method('webhooks.create', async (world) => {
    const { path, webhook } = await made(world);
    assert.match(webhook._id, /^[0-9a-f]{24}$/);
    assert.deepEqual([webhook.triggers, webhook.version], [['message'], 'v1.1']);
    await said(world, 'appUser');
    const event = await told(path, 'message:appUser');
    assert.deepEqual([event.headers['x-api-key'], event.version], [webhook.secret, 'v1.1']);
    assert.equal(event.app._id, world.appId);
});

method('webhooks.list', async (world) => {
    const { webhook } = await made(world);
    assert.deepEqual((await world.api.webhooks.list()).webhooks, [world.webhook, webhook]);
});

method('webhooks.get', async (world) => {
    const { webhook } = await made(world);
    assert.deepEqual((await world.api.webhooks.get(webhook._id)).webhook, webhook);
    await rejectedWith(world.api.webhooks.get('000000000000000000000000'), 'not_found');
});

method('webhooks.update', async (world) => {
    const { path, webhook } = await made(world, { triggers: ['postback'] });
    const triggers = ['message:appMaker'];
    const changed = (await world.api.webhooks.update(webhook._id, { triggers, includeFullAppUser: true })).webhook;
    assert.deepEqual(changed, { ...webhook, triggers, includeFullAppUser: true });
    await said(world, 'appMaker');
    assert.deepEqual((await told(path, 'message:appMaker')).appUser.properties, {}, 'it is told the whole user');
});

method('webhooks.delete', async (world) => {
    const { path, webhook } = await made(world);
    assert.deepEqual(await world.api.webhooks.delete(webhook._id), {});
    await rejectedWith(world.api.webhooks.get(webhook._id), 'not_found');
    assert.deepEqual((await world.api.webhooks.list()).webhooks, [world.webhook]);
    await said(world, 'appUser');
    assert.deepEqual(arrivedAt(path), []);
});
