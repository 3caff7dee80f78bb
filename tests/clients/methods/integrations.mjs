// integrations.*

import assert from 'node:assert/strict';

import { method, providerAccount, refused, rejectedWith } from '../harness.mjs';

for (const kind of ['mailgun', 'messagebird', 'messenger', 'twilio', 'whatsapp']) {
    method('integrations.create', kind, async (world) => {
        const { integration, person, settings, ...line } = await world.joined(kind, world.api);
        assert.deepEqual([integration.type, integration.status], [kind, 'active']);
        assert.equal(integration.displayName, `Our ${kind}`);
        const shown = JSON.stringify((await world.api.integrations.get(integration._id)).integration);
        assert.equal(shown, JSON.stringify(integration));
        assert.doesNotMatch(shown, /fake-/, 'no secret is shown');
        const { notification } = await world.own.notifications.postNotification(world.appId, {
            destination: { integrationId: integration._id, destinationId: person },
            author: { role: 'appMaker' },
            message: { type: 'text', text: 'It works' },
        });
        await world.heard('notification:delivery:channel', (one) => one.notification._id === notification._id);
    });
}

method('integrations.create', 'refused by the provider', async (world) => {
    const { settings, admit } = await providerAccount('twilio');
    const create = (authToken) =>
        world.api.integrations.create({ props: { type: 'twilio', ...settings, authToken } });
    await assert.rejects(create('fake-and-wrong'), (error) => {
        assert.deepEqual([error.response.status, error.code], [400, 'bad_request']);
        assert.match(error.description, /refused this: /);
        return true;
    });
    assert.deepEqual((await world.api.integrations.list()).integrations, []);
    await create(settings.authToken);
});

for (const [kind, settings] of Object.entries({
    apn: { certificate: 'fake' },
    apple: { businessId: 'fake', apiSecret: 'fake', mspId: 'fake' },
    fcm: { serverKey: 'fake', senderId: 'fake' },
    line: {},
    telegram: { token: 'fake' },
    twitter: { consumerKey: 'fake', consumerSecret: 'fake', accessTokenKey: 'fake', accessTokenSecret: 'fake' },
    viber: { token: 'fake' },
    web: {},
    wechat: { appId: 'fake', appSecret: 'fake' },
})) {
    refused('integrations.create', 400, 'bad_request', async (world) => {
        try {
            await world.api.integrations.create({ props: { type: kind, ...settings } });
        } catch (error) {
            assert.equal(error.description, 'Invalid integration type');
            throw error;
        }
    }, { detail: kind, group: 'other channels' });
}

method('integrations.list', async (world) => {
    const lines = [await world.joined('twilio'), await world.joined('mailgun'), await world.joined('whatsapp')];
    const ids = (page) => page.integrations.map((one) => one._id);
    const all = await world.api.integrations.list();
    assert.deepEqual([ids(all), all.hasMore, all.offset], [lines.map((one) => one.id), false, 0]);
    const some = await world.api.integrations.list(['twilio', 'whatsapp'], 1, 1);
    assert.deepEqual([ids(some), some.hasMore, some.offset], [[lines[2].id], false, 1]);
    assert.deepEqual(ids(await world.api.integrations.list('mailgun')), [lines[1].id]);
});

method('integrations.get', async (world) => {
    const line = await world.joined('twilio');
    assert.deepEqual((await world.api.integrations.get(line.id)).integration, line.integration);
    await rejectedWith(world.api.integrations.get('000000000000000000000000'), 'integration_not_found');
});

method('integrations.update', async (world) => {
    const line = await world.joined('mailgun');
    const changes = { displayName: 'Post', fromAddress: `hello@${line.known.domain}` };
    await line.admit({ fromAddress: changes.fromAddress });
    const { integration } = await world.api.integrations.update(line.id, changes);
    assert.deepEqual(integration, { ...line.integration, ...changes });
    await world.own.notifications.postNotification(world.appId, {
        destination: { integrationId: line.id, destinationId: line.person },
        author: { role: 'appMaker' },
        message: { type: 'text', text: 'From another address' },
    });
    const [mail] = await line.received(1);
    assert.match(JSON.stringify(mail.request), new RegExp(changes.fromAddress), 'it is said on the mail');
});

method('integrations.delete', async (world) => {
    const line = await world.joined('twilio');
    assert.deepEqual(await world.api.integrations.delete(line.id), {});
    await rejectedWith(world.api.integrations.get(line.id), 'integration_not_found');
    const destination = { integrationId: line.id, destinationId: line.person };
    const sent = { destination, author: { role: 'appMaker' }, message: { type: 'text', text: 'Nobody there' } };
    await rejectedWith(world.own.notifications.postNotification(world.appId, sent), 'integration_not_found');
});
