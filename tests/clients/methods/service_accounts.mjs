// serviceAccounts.* and serviceAccounts.keys.*

import assert from 'node:assert/strict';

import { clientWith, method, rejectedWith } from '../harness.mjs';

const made = async (api) => (await api.serviceAccounts.create('Operations')).serviceAccount;

// A service account's id, its key, and a client with that.
async function withKey(api) {
    const { _id } = await made(api);
    const { key } = await api.serviceAccounts.keys.create(_id, 'first');
    const service = clientWith({ keyId: key._id, secret: key.secret, scope: 'account' });
    return { id: _id, key, service };
}

method('serviceAccounts.create', async ({ api }) => {
    const serviceAccount = await made(api);
    assert.match(serviceAccount._id, /^[0-9a-f]{24}$/);
    assert.equal(serviceAccount.name, 'Operations');
    assert.deepEqual((await api.serviceAccounts.get(serviceAccount._id)).serviceAccount, serviceAccount);
});

method('serviceAccounts.list', async ({ api }) => {
    const mine = [await made(api), await made(api)];
    const all = [];
    for (let more = true; more;) {
        const page = await api.serviceAccounts.list(2, all.length);
        assert.equal(page.offset, all.length);
        all.push(...page.serviceAccounts);
        more = page.hasMore;
    }
    const ids = mine.map((one) => one._id);
    assert.deepEqual(all.filter((one) => ids.includes(one._id)), mine);
});

method('serviceAccounts.get', async ({ api }) => {
    const serviceAccount = await made(api);
    assert.deepEqual((await api.serviceAccounts.get(serviceAccount._id)).serviceAccount, serviceAccount);
    await rejectedWith(api.serviceAccounts.get('000000000000000000000000'), 'not_found');
});

method('serviceAccounts.update', async ({ api }) => {
    const { _id } = await made(api);
    const { serviceAccount } = await api.serviceAccounts.update(_id, { name: 'Night shift' });
    assert.deepEqual(serviceAccount, { _id, name: 'Night shift' });
    assert.deepEqual((await api.serviceAccounts.get(_id)).serviceAccount, serviceAccount);
});

method('serviceAccounts.delete', async ({ api }) => {
    const { id, service } = await withKey(api);
    assert.deepEqual(await api.serviceAccounts.delete(id), {});
    await rejectedWith(api.serviceAccounts.get(id), 'not_found');
    await rejectedWith(service.apps.list(), 'unauthorized');
});

method('serviceAccounts.keys.create', async ({ api }) => {
    const { id, key, service } = await withKey(api);
    assert.match(key._id, /^svc_[0-9a-f]{24}$/);
    const { app } = await service.apps.create('By the service account');
    assert.deepEqual((await api.apps.list(25, 0, id)).apps, [app]);
});

method('serviceAccounts.keys.list', async ({ api }) => {
    const { id, key } = await withKey(api);
    assert.deepEqual((await api.serviceAccounts.keys.list(id)).keys, [key]);
});

method('serviceAccounts.keys.get', async ({ api }) => {
    const { id, key } = await withKey(api);
    assert.deepEqual((await api.serviceAccounts.keys.get(id, key._id)).key, key);
    await rejectedWith(api.serviceAccounts.keys.get(id, 'svc_000000000000000000000000'), 'not_found');
});

method('serviceAccounts.keys.getJwt', async ({ api, appId }) => {
    const { id, key } = await withKey(api);
    const { jwt } = await api.serviceAccounts.keys.getJwt(id, key._id);
    assert.equal((await clientWith({ jwt }).apps.get(appId)).app._id, appId);
});

method('serviceAccounts.keys.delete', async ({ api }) => {
    const { id, key, service } = await withKey(api);
    assert.deepEqual(await api.serviceAccounts.keys.delete(id, key._id), {});
    await rejectedWith(service.apps.list(), 'unauthorized');
    assert.deepEqual((await api.serviceAccounts.keys.list(id)).keys, []);
});
