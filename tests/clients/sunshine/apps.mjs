// AppsApi.* and AppKeysApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { clientWith, method, rejectedWith } from '../sunshine.mjs';

const NOBODY = '000000000000000000000000';

method('AppsApi.createApp', async ({ api }) => {
    const body = Object.assign(new sunshine.AppCreateBody('Kiosk'), { metadata: { tier: 1 } });
    const { app } = await api.AppsApi.createApp(body);
    assert.deepEqual([app.displayName, app.metadata], ['Kiosk', { tier: 1 }]);
    assert.deepEqual((await api.AppsApi.getApp(app.id)).app, app);
    await rejectedWith(api.AppsApi.createApp({}), 400, 'bad_request');
});

method('AppsApi.listApps', async ({ api, appId }) => {
    const page = Object.assign(new sunshine.Page(), { size: 1 });
    const first = await api.AppsApi.listApps({ page });
    assert.deepEqual([first.apps.length, first.meta.hasMore], [1, true]);
    const shown = [...first.apps];
    for (let { meta } = first; meta.hasMore;) {
        const next = await api.AppsApi.listApps({ page: { after: meta.afterCursor } });
        shown.push(...next.apps);
        meta = next.meta;
    }
    const ids = shown.map((one) => one.id);
    assert.deepEqual([...new Set(ids)].sort(), ids);
    assert.ok(ids.includes(appId));
});

method('AppsApi.getApp', async ({ api, appId, name }) => {
    assert.equal((await api.AppsApi.getApp(appId)).app.displayName, name);
});

method('AppsApi.updateApp', async ({ api, appId }) => {
    const settings = { multiConvoEnabled: true };
    const { app } = await api.AppsApi.updateApp(appId, { displayName: 'Corner shop', settings });
    assert.deepEqual([app.displayName, app.settings.multiConvoEnabled], ['Corner shop', true]);
    const off = { settings: { multiConvoEnabled: false } };
    await rejectedWith(api.AppsApi.updateApp(appId, off), 400, 'bad_request');
});

method('AppsApi.deleteApp', async ({ api, appId }) => {
    assert.deepEqual(await api.AppsApi.deleteApp(appId), {});
    await rejectedWith(api.AppsApi.getApp(appId), 404, 'app_not_found');
});

method('AppKeysApi.createAppKey', async ({ above, appId, api }) => {
    const { key } = await api.AppKeysApi.createAppKey(new sunshine.AppKeyCreateBody('door'));
    const opened = clientWith({ keyId: key.id, secret: key.secret }, appId);
    assert.equal((await opened.AppsApi.getApp(appId)).app.id, appId);
    assert.ok((await above.AppKeysApi.listAppKeys()).keys.some((one) => one.id === key.id));
});

method('AppKeysApi.listAppKeys', async ({ api, keys }) => {
    const listed = (await api.AppKeysApi.listAppKeys()).keys;
    assert.deepEqual(listed.map(({ id, secret }) => [id, secret]), [[keys.app.keyId, keys.app.secret]]);
});

method('AppKeysApi.getAppKey', async ({ api, keys }) => {
    const { key } = await api.AppKeysApi.getAppKey(keys.app.keyId);
    assert.deepEqual([key.displayName, key.secret], ['its own', keys.app.secret]);
    await rejectedWith(api.AppKeysApi.getAppKey(`app_${NOBODY}`), 404, 'not_found');
});

method('AppKeysApi.deleteAppKey', async ({ api, own, keys, appId }) => {
    assert.deepEqual(await api.AppKeysApi.deleteAppKey(keys.app.keyId), {});
    await rejectedWith(own.AppsApi.getApp(appId), 401, 'unauthorized');
});
