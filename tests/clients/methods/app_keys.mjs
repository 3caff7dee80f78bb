// apps.keys.*

import assert from 'node:assert/strict';

import { clientWith, method, rejectedWith } from '../harness.mjs';

method('apps.keys.create', async ({ api, own }) => {
    const { key } = await api.apps.keys.create('another');
    assert.match(key._id, /^app_[0-9a-f]{24}$/);
    assert.equal(key.name, 'another');
    const other = clientWith({ keyId: key._id, secret: key.secret, scope: 'app' });
    assert.deepEqual(await other.webhooks.list(), await own.webhooks.list());
    await rejectedWith(own.apps.keys.create('a third'), 'forbidden');
});

method('apps.keys.list', async ({ api, key }) => {
    const second = (await api.apps.keys.create('another')).key;
    assert.deepEqual((await api.apps.keys.list()).keys, [key, second]);
});

method('apps.keys.get', async ({ api, key }) => {
    assert.deepEqual((await api.apps.keys.get(key._id)).key, key);
    await rejectedWith(api.apps.keys.get('app_000000000000000000000000'), 'not_found');
});

method('apps.keys.getJwt', async ({ api, own, key }) => {
    const { jwt } = await api.apps.keys.getJwt(key._id);
    assert.deepEqual(await clientWith({ jwt }).webhooks.list(), await own.webhooks.list());
});

method('apps.keys.delete', async ({ api, own, key }) => {
    const { jwt } = await api.apps.keys.getJwt(key._id);
    assert.deepEqual(await api.apps.keys.delete(key._id), {});
    await rejectedWith(own.webhooks.list(), 'unauthorized');
    await rejectedWith(clientWith({ jwt }).webhooks.list(), 'unauthorized');
    await rejectedWith(api.apps.keys.get(key._id), 'not_found');
});
