// UsersApi.*, DevicesApi.* and ClientsApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { method, refused, rejectedWith } from '../sunshine.mjs';

method('UsersApi.createUser', async ({ api }) => {
    const profile = { givenName: 'Ada', locale: 'en-GB' };
    const body = Object.assign(new sunshine.UserCreateBody('crm/1 a+b'), { profile, metadata: { tier: 1 } });
    const { user } = await api.UsersApi.createUser(body);
    assert.deepEqual([user.externalId, user.profile, user.metadata], ['crm/1 a+b', profile, { tier: 1 }]);
    assert.deepEqual((await api.UsersApi.getUser('crm/1 a+b')).user, user);
    await rejectedWith(api.UsersApi.createUser(body), 409, 'conflict');
    assert.equal((await api.UsersApi.createUser({})).user.externalId, undefined);
});

method('UsersApi.getUser', async (world) => {
    const user = await world.user();
    for (const id of [user.id, user.externalId]) assert.deepEqual((await world.api.UsersApi.getUser(id)).user, user);
    await rejectedWith(world.api.UsersApi.getUser('nobody'), 404, 'user_not_found');
});

method('UsersApi.updateUser', async (world) => {
    const before = await world.user({ profile: { givenName: 'Ada', surname: 'Brown' }, metadata: { a: 1, b: 2 } });
    const body = { profile: { surname: null }, metadata: { b: null, c: true } };
    const { user } = await world.api.UsersApi.updateUser(before.externalId, body);
    assert.deepEqual([user.profile, user.metadata], [{ givenName: 'Ada' }, { a: 1, c: true }]);
});

method('UsersApi.deleteUser', async (world) => {
    const user = await world.user();
    assert.deepEqual(await world.api.UsersApi.deleteUser(user.id), {});
    assert.equal((await world.heard('user:remove')).user.id, user.id);
    await rejectedWith(world.api.UsersApi.getUser(user.id), 404, 'user_not_found');
});

method('UsersApi.deleteUserPersonalInformation', async (world) => {
    const before = await world.user({ profile: { givenName: 'Ada' }, metadata: { a: 1 } });
    const { user } = await world.api.UsersApi.deleteUserPersonalInformation(before.id);
    assert.deepEqual(user, { ...before, profile: {}, metadata: {} });
});

method('DevicesApi.listDevices', async (world) => {
    assert.deepEqual((await world.api.DevicesApi.listDevices((await world.user()).id)).devices, []);
});

// In scope: nobody has a device, and that is the answer.
refused('DevicesApi.getDevice', 404, 'device_not_found', async (world) =>
    world.api.DevicesApi.getDevice((await world.user()).id, '000000000000000000000000'), { isIn: true });

const CRITERIA = {
    mailgun: (id, address) => new sunshine.MatchCriteriaMailgun('mailgun', id, address),
    messagebird: (id, phone) => new sunshine.MatchCriteriaMessagebird('messagebird', id, phone),
    twilio: (id, phone) => new sunshine.MatchCriteriaTwilio('twilio', id, phone),
    whatsapp: (id, phone) => new sunshine.MatchCriteriaWhatsapp('whatsapp', id, phone),
};

// What the client's classes make differs in which of their arguments they keep, so the fields are set as well.
function criteria(line) {
    const fields = line.kind === 'mailgun' ? { address: line.person } : { phoneNumber: line.person };
    const made = CRITERIA[line.kind](line.id, line.person);
    return Object.assign(made, { type: line.kind, integrationId: line.id, ...fields });
}

for (const kind of ['mailgun', 'messagebird', 'twilio', 'whatsapp']) {
    method('ClientsApi.createClient', kind, async (world) => {
        const line = await world.joined(kind);
        const user = await world.user();
        const conversation = await world.conversation(user);
        const confirmation = { type: 'immediate', message: {
            author: { type: 'business' }, content: { type: 'text', text: 'Welcome' },
        } };
        if (kind === 'whatsapp') delete confirmation.message;
        const target = { conversationId: conversation.id };
        const { client } = await world.api.ClientsApi.createClient(
            user.id, { matchCriteria: criteria(line), confirmation, target },
        );
        assert.deepEqual([client.type, client.integrationId], [kind, line.id]);
        const added = await world.heard('client:add');
        assert.deepEqual([added.reason, added.client.id], ['channelLinking', client.id]);
        await world.heard('client:update', (told) => told.reason === 'confirmed' && told.client.id === client.id);
        const { clients } = await world.own.ClientsApi.listClients(user.id);
        assert.deepEqual(clients.map((one) => [one.id, one.status]), [[client.id, 'active']]);
        if (kind !== 'whatsapp') assert.equal((await line.received(1)).length, 1);
    });
}

method('ClientsApi.listClients', async (world) => {
    const { line, user } = await world.writer('twilio');
    const { clients, meta } = await world.api.ClientsApi.listClients(user, { page: { size: 1 } });
    assert.deepEqual(clients.map((one) => [one.type, one.integrationId, one.externalId, one.status]),
        [['twilio', line.id, line.person, 'active']]);
    assert.equal(meta.hasMore, false);
});

method('ClientsApi.removeClient', async (world) => {
    const { user } = await world.writer('twilio');
    const [client] = (await world.own.ClientsApi.listClients(user)).clients;
    assert.deepEqual(await world.api.ClientsApi.removeClient(user, client.id), {});
    assert.equal((await world.heard('client:remove')).reason, 'api');
    assert.deepEqual((await world.own.ClientsApi.listClients(user)).clients, []);
    await rejectedWith(world.api.ClientsApi.removeClient(user, client.id), 404, 'client_not_found');
});
