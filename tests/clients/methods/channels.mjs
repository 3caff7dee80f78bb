// appUsers.*: the channels a person is on.

import assert from 'node:assert/strict';

import { method, rejectedWith } from '../harness.mjs';

// Links a user through the client under test, and answers the user and what that said.
async function linked(world, kind, address, more = {}) {
    const line = await world.joined(kind);
    const { _id } = await world.user();
    const asked = { type: kind, integrationId: line.id, [address]: line.person, ...more };
    const { appUser } = await world.api.appUsers.linkChannel(_id, { confirmation: { type: 'immediate' }, ...asked });
    return { line, user: _id, appUser };
}

for (const [kind, address] of [
    ['twilio', 'phoneNumber'], ['messagebird', 'phoneNumber'], ['whatsapp', 'phoneNumber'], ['mailgun', 'address'],
]) {
    method('appUsers.linkChannel', kind, async (world) => {
        const { line, user, appUser } = await linked(world, kind, address);
        assert.deepEqual(appUser.pendingClients.map((one) => [one.platform, one.externalId]), [[kind, line.person]]);
        await world.heard('link:success', (one) => one.appUser._id === user && one.channel === kind);
        const now = (await world.api.appUsers.get(user)).appUser;
        assert.deepEqual(now.pendingClients, []);
        assert.deepEqual(now.clients.map((one) => [one.platform, one.externalId]), [[kind, line.person]]);
        await world.own.appUsers.sendMessage(user, { role: 'appMaker', type: 'text', text: 'Hello' });
        await line.received(1);
    });
}

method('appUsers.linkChannel', 'when the person writes', async (world) => {
    const message = { role: 'appMaker', type: 'text', text: 'Is it you?' };
    const confirmation = { type: 'userActivity', message };
    const { line, user } = await linked(world, 'twilio', 'phoneNumber', { confirmation });
    const [asked] = await line.received(1);
    assert.equal(asked.text, 'Is it you?');
    await line.write('Yes');
    await world.heard('link:success', (one) => one.appUser._id === user);
    assert.equal((await world.api.appUsers.get(user)).appUser.clients.length, 1);
});

for (const [kind, key] of [
    ['twilio', 'phoneNumber'], ['messagebird', 'phoneNumber'], ['whatsapp', 'username'], ['mailgun', 'address'],
    ['messenger', 'userId'],
]) {
    method('appUsers.getChannels', kind, async (world) => {
        const { line, user } = await world.writer(kind);
        const { channels } = await world.api.appUsers.getChannels(user);
        const [{ [key]: address, ...rest }, ...more] = channels;
        assert.deepEqual([rest, more], [{ type: kind, integrationId: line.id }, []]);
        assert.equal(address.replace('+', ''), line.person.replace('+', ''));
    });
}

method('appUsers.unlinkChannel', async (world) => {
    const { user } = await world.linked();
    assert.deepEqual(await world.api.appUsers.unlinkChannel(user, 'twilio'), {});
    await world.heard('client:remove', (one) => one.appUser._id === user);
    assert.deepEqual((await world.api.appUsers.getChannels(user)).channels, []);
    await rejectedWith(world.api.appUsers.unlinkChannel(user, 'twilio'), 'client_not_found');
});

method('appUsers.pingChannel', async (world) => {
    const { line, user } = await world.linked();
    await world.api.appUsers.pingChannel(user, 'twilio');
    const [{ text }] = await line.received(1);
    const { app } = await world.own.apps.get(world.appId);
    assert.equal(text, `${app.name} is connected to this conversation.`);
    assert.deepEqual((await world.api.appUsers.getMessages(user)).messages, []);
    await rejectedWith(world.api.appUsers.pingChannel(user, 'whatsapp'), 'client_not_found');
});

method('appUsers.getLinkRequests', async (world) => {
    const lines = [await world.joined('twilio'), await world.joined('messenger')];
    const { _id } = await world.user();
    const { linkRequests } = await world.api.appUsers.getLinkRequests(_id, lines.map((line) => line.id));
    assert.deepEqual(linkRequests.map((one) => [one.type, one.integrationId]), lines.map((one) => [one.kind, one.id]));
    linkRequests.forEach((one) => assert.match(one.code, /^lr_[0-9a-f]{24}$/));
    assert.equal(linkRequests[1].url, `https://m.me/${lines[1].known.pageId}?ref=${linkRequests[1].code}`);
    await lines[0].write(linkRequests[0].code);
    await world.heard('link:success', (one) => one.appUser._id === _id);
    assert.equal((await world.api.appUsers.get(_id)).appUser.clients[0].externalId, lines[0].person);
});
