// IntegrationsApi.*, CustomIntegrationApiKeysApi.*, WebhooksApi.* and OAuthEndpointsApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { endpointAt, providerAccount } from '../harness.mjs';
import { clientWith, method, refused, rejectedWith } from '../sunshine.mjs';

const MADE = {
    mailgun: (s) => new sunshine.Mailgun('mailgun', s.apiKey, s.domain, s.incomingAddress),
    messagebird: (s) => new sunshine.Messagebird('messagebird', s.accessKey, s.signingKey, s.originator),
    messenger: (s) => new sunshine.Messenger('messenger', s.pageAccessToken, s.appId, s.appSecret),
    twilio: (s) => new sunshine.Twilio('twilio', s.accountSid, s.authToken),
    whatsapp: () => new sunshine.Whatsapp('whatsapp', 'none'),
};

for (const [kind, made] of Object.entries(MADE)) {
    method('IntegrationsApi.createIntegration', kind, async (world) => {
        const { settings } = await providerAccount(kind);
        const body = Object.assign(made(settings), { type: kind, displayName: `Our ${kind}`, ...settings });
        if (kind === 'whatsapp') delete body.deploymentId;
        const { integration } = await world.api.IntegrationsApi.createIntegration(body);
        assert.deepEqual([integration.type, integration.status, integration.displayName],
            [kind, 'active', `Our ${kind}`]);
        const secrets = ['apiKey', 'signingKey', 'accessKey', 'pageAccessToken', 'appSecret', 'authToken', 'accessToken'];
        assert.deepEqual(secrets.filter((name) => name in integration), []);
        assert.deepEqual((await world.own.IntegrationsApi.getIntegration(integration.id)).integration, integration);
    });
}

method('IntegrationsApi.createIntegration', 'custom', async (world) => {
    const webhook = Object.assign(new sunshine.Webhook(), { target: endpointAt('/x'), triggers: ['conversation:read'] });
    const { integration } =
        await world.api.IntegrationsApi.createIntegration(new sunshine.Custom('custom', [webhook]));
    const [shown] = integration.webhooks;
    assert.deepEqual([integration.type, shown.version, shown.triggers], ['custom', 'v2', ['conversation:read']]);
    assert.ok(shown.secret);
    const without = world.api.IntegrationsApi.createIntegration({ type: 'custom', webhooks: [] });
    await rejectedWith(without, 400, 'bad_request');
});

for (const type of
    ['android', 'apple', 'instagram', 'ios', 'line', 'telegram', 'twitter', 'unity', 'viber', 'web']) {
    refused('IntegrationsApi.createIntegration', 400, 'bad_request',
        ({ api }) => api.IntegrationsApi.createIntegration({ type }), { group: type });
}

method('IntegrationsApi.listIntegrations', async (world) => {
    const { id } = await world.joined('twilio');
    const { IntegrationsApi } = world.api;
    const all = (await IntegrationsApi.listIntegrations({})).integrations.map((one) => one.id);
    assert.deepEqual(all.sort(), [world.custom.id, id].sort());
    const filter = Object.assign(new sunshine.IntegrationListFilter(), { types: 'twilio' });
    const some = (await IntegrationsApi.listIntegrations({ filter })).integrations;
    assert.deepEqual(some.map((one) => one.id), [id]);
});

method('IntegrationsApi.getIntegration', async (world) => {
    const { integration } = await world.api.IntegrationsApi.getIntegration(world.custom.id);
    assert.deepEqual(integration, world.custom);
    const nowhere = world.api.IntegrationsApi.getIntegration('000000000000000000000000');
    await rejectedWith(nowhere, 404, 'integration_not_found');
});

method('IntegrationsApi.updateIntegration', async (world) => {
    const { id } = await world.joined('mailgun');
    const body = { displayName: 'Post', hideUnsubscribeLink: true };
    const { integration } = await world.api.IntegrationsApi.updateIntegration(id, body);
    assert.deepEqual([integration.displayName, integration.hideUnsubscribeLink], ['Post', true]);
    const custom = (await world.api.IntegrationsApi.updateIntegration(world.custom.id, { displayName: 'Ears' }));
    assert.equal(custom.integration.displayName, 'Ears');
});

method('IntegrationsApi.deleteIntegration', async (world) => {
    assert.deepEqual(await world.api.IntegrationsApi.deleteIntegration(world.custom.id), {});
    const gone = world.api.IntegrationsApi.getIntegration(world.custom.id);
    await rejectedWith(gone, 404, 'integration_not_found');
    const theirs = clientWith(world.keys.integration, world.appId);
    await rejectedWith(theirs.UsersApi.createUser({}), 401, 'unauthorized');
});

method('CustomIntegrationApiKeysApi.createCustomIntegrationKey', async (world) => {
    const { CustomIntegrationApiKeysApi } = world.api;
    const asked = new sunshine.IntegrationApiKey('door');
    const { key } = await CustomIntegrationApiKeysApi.createCustomIntegrationKey(world.custom.id, asked);
    const theirs = clientWith({ keyId: key.id, secret: key.secret }, world.appId);
    assert.deepEqual((await theirs.WebhooksApi.listWebhooks('me')).webhooks, world.custom.webhooks);
    const { id } = await world.joined('twilio');
    const ofChannel = CustomIntegrationApiKeysApi.createCustomIntegrationKey(id, asked);
    await rejectedWith(ofChannel, 400, 'bad_request');
});

method('CustomIntegrationApiKeysApi.listCustomIntegrationKeys', async ({ api, custom, keys }) => {
    const listed = (await api.CustomIntegrationApiKeysApi.listCustomIntegrationKeys(custom.id)).keys;
    const { keyId, secret } = keys.integration;
    assert.deepEqual(listed, [{ id: keyId, displayName: 'its own', secret }]);
});

method('CustomIntegrationApiKeysApi.getCustomIntegrationKey', async ({ api, custom, keys }) => {
    const { keyId, secret } = keys.integration;
    const { key } = await api.CustomIntegrationApiKeysApi.getCustomIntegrationKey(custom.id, keyId);
    assert.deepEqual(key, { id: keyId, displayName: 'its own', secret });
});

method('CustomIntegrationApiKeysApi.deleteCustomIntegrationKey', async ({ api, appId, custom, keys }) => {
    const { keyId } = keys.integration;
    assert.deepEqual(await api.CustomIntegrationApiKeysApi.deleteCustomIntegrationKey(custom.id, keyId), {});
    const theirs = clientWith(keys.integration, appId);
    await rejectedWith(theirs.UsersApi.createUser({}), 401, 'unauthorized');
});

// The integration as each key calls it.
const named = (world) => [world.custom.id, ...(world.scope === 'integration' ? ['me'] : [])];

method('WebhooksApi.createWebhook', async (world) => {
    const body = { target: endpointAt(`/${world.appId}/more`), triggers: ['conversation:message'] };
    for (const id of named(world)) {
        const { webhook } = await world.api.WebhooksApi.createWebhook(id, body);
        assert.deepEqual([webhook.target, webhook.triggers, webhook.version], [body.target, body.triggers, 'v2']);
        assert.deepEqual((await world.own.WebhooksApi.getWebhook(world.custom.id, webhook.id)).webhook, webhook);
    }
    const odd = world.api.WebhooksApi.createWebhook(world.custom.id, { ...body, triggers: ['conversation:lost'] });
    await rejectedWith(odd, 400, 'bad_request');
});

method('WebhooksApi.listWebhooks', async (world) => {
    for (const id of named(world)) {
        assert.deepEqual((await world.api.WebhooksApi.listWebhooks(id)).webhooks, world.custom.webhooks);
    }
});

method('WebhooksApi.getWebhook', async (world) => {
    const [webhook] = world.custom.webhooks;
    for (const id of named(world)) {
        assert.deepEqual((await world.api.WebhooksApi.getWebhook(id, webhook.id)).webhook, webhook);
    }
    const nowhere = world.api.WebhooksApi.getWebhook(world.custom.id, '000000000000000000000000');
    await rejectedWith(nowhere, 404, 'not_found');
});

method('WebhooksApi.updateWebhook', async (world) => {
    const [{ id }] = world.custom.webhooks;
    const body = Object.assign(new sunshine.WebhookBody(), { triggers: ['user:remove'], includeFullUser: false });
    const { webhook } = await world.api.WebhooksApi.updateWebhook(world.custom.id, id, body);
    assert.deepEqual([webhook.triggers, webhook.includeFullUser], [['user:remove'], false]);
});

method('WebhooksApi.deleteWebhook', async (world) => {
    const body = { target: endpointAt('/x'), triggers: ['user:remove'] };
    const { webhook } = await world.own.WebhooksApi.createWebhook(world.custom.id, body);
    assert.deepEqual(await world.api.WebhooksApi.deleteWebhook(world.custom.id, webhook.id), {});
    const [{ id: last }] = (await world.own.WebhooksApi.listWebhooks(world.custom.id)).webhooks;
    await rejectedWith(world.api.WebhooksApi.deleteWebhook(world.custom.id, last), 400, 'bad_request');
});

method('OAuthEndpointsApi.revokeAccess', async (world) => {
    assert.deepEqual(await world.api.OAuthEndpointsApi.revokeAccess(), {});
    const gone = world.own.IntegrationsApi.getIntegration(world.custom.id);
    await rejectedWith(gone, 404, 'integration_not_found');
});

refused('OAuthEndpointsApi.authorize', 404, 'not_found', ({ api }) => api.OAuthEndpointsApi.authorize('a', 'code', {}));

refused('OAuthEndpointsApi.getToken', 404, 'not_found', ({ api }) => api.OAuthEndpointsApi.getToken({
    code: 'c', grant_type: 'authorization_code', client_id: 'a', client_secret: 'fake-secret',
}));
