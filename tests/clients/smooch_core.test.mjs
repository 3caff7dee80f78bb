// The vendor's own client, unmodified, against a running gateway: only its base URL is changed.
//
// HELIOGRAPH_CLIENTS_API and HELIOGRAPH_CLIENTS_SIM name the gateway and its simulator (`tests/run` sets them);
// the gateway runs on config.toml beside this file.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import SmoochCore from 'smooch-core';

const serviceUrl = address('HELIOGRAPH_CLIENTS_API');
const simulator = address('HELIOGRAPH_CLIENTS_SIM');

const appId = '5963c0d619a30a2e00de36b8';
const integrationId = '5e1f438bf99fb467810c0ab9';
const whatsapp = '5e1f438bf99fb467810c0ac5';
const appKey = { keyId: 'app_5963c0d619a30a2e00de36b9', secret: 'fake-app-secret', scope: 'app' };
const accountKey = { keyId: 'act_000000000000000000000001', secret: 'fake-account-secret', scope: 'account' };

const app = new SmoochCore({ ...appKey, serviceUrl });
const account = new SmoochCore({ ...accountKey, serviceUrl: `${serviceUrl}/` });

// A webhook endpoint, as a customer would run it.
const events = [];
const endpoint = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
        events.push({ headers: request.headers, ...JSON.parse(body) });
        response.end();
    });
});

function address(name) {
    const value = process.env[name];
    assert.ok(value, `${name} must be set; tests/run sets it`);
    return value;
}

async function eventually(what, look) {
    const deadline = Date.now() + 20_000;
    for (;;) {
        const seen = await look();
        if (seen) return seen;
        assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const event = (trigger, fits = () => true) =>
    eventually(trigger, () => events.find((one) => one.trigger === trigger && fits(one)));

async function sentTo(number) {
    const { sent } = await (await fetch(`${simulator}/control/sent`)).json();
    return sent.filter((one) => one.to === number);
}

let hook;

before(async () => {
    await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    const target = `http://127.0.0.1:${endpoint.address().port}/events`;
    hook = (await app.webhooks.create({ target, triggers: ['*'] })).webhook;
});

after(() => endpoint.close());

test('a user is created and fetched', async () => {
    // A single object is taken for the client's named arguments, so the user is one of them.
    const { appUser } = await app.appUsers.create({
        appUser: {
            userId: 'bob@example.com',
            givenName: 'Bob',
            signedUpAt: new Date('2019-01-14T18:55:12.515Z'),
            properties: { favoriteFood: 'pizza' },
        },
    });
    assert.match(appUser._id, /^[0-9a-f]{24}$/);
    assert.equal(appUser.signedUpAt, '2019-01-14T18:55:12.515Z');
    assert.deepEqual((await app.appUsers.get('bob@example.com')).appUser, appUser);
    assert.deepEqual((await account.appUsers.get(appId, appUser._id)).appUser, appUser);
});

test('an error carries the code and description of the gateway', async () => {
    await assert.rejects(app.appUsers.get('nobody'), (error) => {
        assert.equal(error.response.status, 404);
        assert.equal(error.code, 'user_not_found');
        assert.ok(error.description);
        return true;
    });
    const stranger = new SmoochCore({ ...appKey, secret: 'fake-guess', serviceUrl });
    await assert.rejects(stranger.appUsers.get('bob@example.com'), { code: 'unauthorized' });
});

test('apps are created, listed, updated and deleted', async () => {
    const { app: made } = await account.apps.create('Shop', { useAnimalNames: true }, { tier: 1 });
    assert.deepEqual([made.settings.useAnimalNames, made.metadata], [true, { tier: 1 }]);
    const { apps, hasMore, offset } = await account.apps.list(100);
    assert.deepEqual([hasMore, offset], [false, 0]);
    assert.deepEqual(apps.find((one) => one._id === made._id), made);
    assert.equal((await account.apps.list(1)).hasMore, true);
    assert.deepEqual((await account.apps.get(made._id)).app, made);
    assert.equal((await app.apps.get(appId)).app._id, appId);
    const { app: changed } = await account.apps.update(made._id, { name: 'Store' });
    assert.deepEqual(changed, { ...made, name: 'Store' });
    assert.deepEqual(await app.apps.getSdkIds(appId), {});
    assert.deepEqual(await account.apps.delete(made._id), {});
    await assert.rejects(account.apps.get(made._id), { code: 'app_not_found' });
});

test('keys of an app are created, opened with and deleted', async () => {
    const { app: made } = await account.apps.create('Keys');
    const { key } = await account.apps.keys.create(made._id, 'its own');
    assert.match(key._id, /^app_[0-9a-f]{24}$/);
    assert.deepEqual((await account.apps.keys.list(made._id)).keys, [key]);
    assert.deepEqual((await account.apps.keys.get(made._id, key._id)).key, key);
    const own = new SmoochCore({ keyId: key._id, secret: key.secret, scope: 'app', serviceUrl });
    assert.deepEqual((await own.webhooks.list()).webhooks, []);
    const { jwt } = await account.apps.keys.getJwt(made._id, key._id);
    const byToken = new SmoochCore({ jwt, serviceUrl });
    assert.deepEqual((await byToken.webhooks.list()).webhooks, []);
    await assert.rejects(own.apps.keys.list(), { code: 'forbidden' });
    await account.apps.keys.delete(made._id, key._id);
    await assert.rejects(own.webhooks.list(), { code: 'unauthorized' });
    await assert.rejects(byToken.webhooks.list(), { code: 'unauthorized' });
    await account.apps.delete(made._id);
});

test('service accounts and their keys are created, used and deleted', async () => {
    const { serviceAccount } = await account.serviceAccounts.create('Operations');
    const id = serviceAccount._id;
    assert.deepEqual((await account.serviceAccounts.get(id)).serviceAccount, serviceAccount);
    const { serviceAccounts } = await account.serviceAccounts.list(100);
    assert.deepEqual(serviceAccounts.at(-1), serviceAccount);
    const renamed = await account.serviceAccounts.update(id, { name: 'Night shift' });
    assert.equal(renamed.serviceAccount.name, 'Night shift');
    const { key } = await account.serviceAccounts.keys.create(id, 'first');
    assert.match(key._id, /^svc_[0-9a-f]{24}$/);
    assert.deepEqual((await account.serviceAccounts.keys.list(id)).keys, [key]);
    assert.deepEqual((await account.serviceAccounts.keys.get(id, key._id)).key, key);
    const service = new SmoochCore({ keyId: key._id, secret: key.secret, scope: 'account', serviceUrl });
    const { app: made } = await service.apps.create('By the service account');
    assert.deepEqual((await account.apps.list(25, 0, id)).apps, [made]);
    const { jwt } = await account.serviceAccounts.keys.getJwt(id, key._id);
    await new SmoochCore({ jwt, serviceUrl }).apps.delete(made._id);
    await account.serviceAccounts.keys.delete(id, key._id);
    await assert.rejects(service.apps.list(), { code: 'unauthorized' });
    assert.deepEqual(await account.serviceAccounts.delete(id), {});
    await assert.rejects(account.serviceAccounts.get(id), { code: 'not_found' });
});

test('a channel is linked and a message reaches it', async () => {
    const number = '+15145550181';
    await app.appUsers.create({ appUser: { userId: 'carol@example.com' } });
    const { appUser } = await app.appUsers.linkChannel('carol@example.com', {
        type: 'twilio',
        integrationId,
        phoneNumber: number,
        confirmation: { type: 'immediate' },
    });
    assert.equal(appUser.pendingClients[0].platform, 'twilio');
    await eventually('the link', async () =>
        (await app.appUsers.get('carol@example.com')).appUser.clients.length === 1);
    const { channels } = await app.appUsers.getChannels('carol@example.com');
    assert.deepEqual(channels, [{ type: 'twilio', integrationId, phoneNumber: number }]);

    const { message, conversation } = await app.appUsers.sendMessage('carol@example.com', {
        role: 'appMaker',
        type: 'text',
        text: 'Hello, Carol',
    });
    assert.match(conversation._id, /^[0-9a-f]{24}$/);
    await eventually('the text message', async () => (await sentTo(number)).length === 1);
    const { messages } = await app.appUsers.getMessages('carol@example.com');
    assert.deepEqual(messages.map((one) => [one._id, one.text]), [[message._id, 'Hello, Carol']]);
    await event('message:delivery:user', (one) => one.message._id === message._id);

    await app.appUsers.unlinkChannel('carol@example.com', 'twilio');
    assert.deepEqual((await app.appUsers.getChannels('carol@example.com')).channels, []);
});

test('a notification is delivered and answered', async () => {
    const number = '+15145550182';
    const { notification } = await app.notifications.postNotification(appId, {
        destination: { integrationId, destinationId: number },
        author: { role: 'appMaker' },
        message: { type: 'text', text: 'Check this out!' },
    });
    const final = await event('notification:delivery:user', (one) => one.notification._id === notification._id);
    assert.equal(final.isFinalEvent, true);
    assert.equal(final.headers['x-api-key'], hook.secret);

    await fetch(`${simulator}/control/write`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ integrationId, from: number, text: 'What is it?' }),
    });
    const reply = await event('message:appUser', (one) => one.messages[0].text === 'What is it?');
    assert.deepEqual(reply.recentNotifications.map((one) => one.text), ['Check this out!']);
    const { messages } = await app.appUsers.getMessages(reply.appUser._id);
    assert.deepEqual(messages.map((one) => one.text), ['Check this out!', 'What is it?']);
});

test('webhooks are created, listed, updated and deleted', async () => {
    const { webhook } = await app.webhooks.create({ target: 'https://example.com/hook' });
    assert.deepEqual(webhook.triggers, ['message']);
    assert.deepEqual((await app.webhooks.get(webhook._id)).webhook, webhook);
    const { webhooks } = await app.webhooks.list();
    assert.ok(webhooks.some((one) => one._id === webhook._id && one.secret === webhook.secret));
    const updated = await app.webhooks.update(webhook._id, { triggers: ['message:appUser', 'postback'] });
    assert.deepEqual(updated.webhook.triggers, ['message:appUser', 'postback']);
    await app.webhooks.delete(webhook._id);
    await assert.rejects(app.webhooks.get(webhook._id), (error) => error.response.status === 404);
});

test('a template is stored, said by its name in a text, changed and deleted', async () => {
    const number = '+15145550183';
    const message = { role: 'appMaker', type: 'text', text: 'From nine to five' };
    const { template } = await app.templates.create({ props: { name: 'hours', message } });
    assert.match(template._id, /^[0-9a-f]{24}$/);
    assert.deepEqual({ name: template.name, message: template.message }, { name: 'hours', message });
    assert.deepEqual((await account.templates.get(appId, template._id)).template, template);
    const list = await app.templates.list({ props: { limit: 1, offset: 0 } });
    assert.deepEqual(list, { templates: [template], hasMore: false, offset: 0 });

    await app.appUsers.create({ appUser: { userId: 'erin@example.com' } });
    const confirmation = { type: 'immediate' };
    await app.appUsers.linkChannel('erin@example.com', {
        type: 'twilio', integrationId, phoneNumber: number, confirmation,
    });
    await eventually('the link', async () =>
        (await app.appUsers.get('erin@example.com')).appUser.clients.length === 1);
    const text = 'Hello %((template:hours))%';
    const said = await app.appUsers.sendMessage('erin@example.com', { role: 'appMaker', type: 'text', text });
    const texts = [said.message, ...said.extraMessages].map((one) => one.text);
    assert.deepEqual(texts, ['Hello', 'From nine to five']);
    await eventually('both messages', async () => (await sentTo(number)).length === 2);

    const renamed = await app.templates.update(template._id, { name: 'times' });
    assert.deepEqual(renamed.template, { ...template, name: 'times' });
    await app.templates.delete(template._id);
    await assert.rejects(app.templates.get(template._id), { code: 'not_found' });
});

test('message templates are asked for, listed and deleted', async () => {
    const templates = app.integrations.messageTemplates;
    const components = [{ type: 'BODY', text: 'Hello {{1}}' }];
    const asked = { name: 'greeting', language: 'en_US', category: 'UTILITY', components };
    const { messageTemplate } = await templates.create({ integrationId: whatsapp, messageTemplate: asked });
    assert.equal(messageTemplate.status, 'PENDING');
    const listed = await templates.list({ integrationId: whatsapp, query: { name: 'greeting' } });
    assert.deepEqual(listed.messageTemplates, [{ ...messageTemplate, status: 'APPROVED' }]);
    assert.deepEqual(await templates.delete(whatsapp, 'greeting'), {});
    assert.deepEqual((await templates.list(whatsapp)).messageTemplates, []);
    await assert.rejects(templates.list(integrationId), { code: 'bad_request' });
});
