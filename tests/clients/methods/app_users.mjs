// appUsers.*: who a person is.

import assert from 'node:assert/strict';

import { clientWith, method, rejectedWith } from '../harness.mjs';

method('appUsers.create', async ({ api }) => {
    const { appUser } = await api.appUsers.create({
        appUser: {
            userId: 'bob@example.com',
            givenName: 'Bob',
            signedUpAt: new Date('2019-01-14T18:55:12.515Z'),
            properties: { favoriteFood: 'pizza' },
        },
    });
    assert.match(appUser._id, /^[0-9a-f]{24}$/);
    assert.equal(appUser.signedUpAt, '2019-01-14T18:55:12.515Z');
    assert.deepEqual([appUser.givenName, appUser.properties], ['Bob', { favoriteFood: 'pizza' }]);
    assert.deepEqual((await api.appUsers.get('bob@example.com')).appUser, appUser);
    await rejectedWith(api.appUsers.create({ appUser: { userId: 'bob@example.com' } }), 'conflict');
});

method('appUsers.get', async ({ api }) => {
    const { appUser } = await api.appUsers.create({ appUser: { userId: '+15145550123' } });
    assert.deepEqual((await api.appUsers.get(appUser._id)).appUser, appUser);
    assert.deepEqual((await api.appUsers.get('+15145550123')).appUser, appUser, 'the client sends its plus as it is');
    await assert.rejects(api.appUsers.get('nobody'), (error) => {
        assert.deepEqual([error.response.status, error.code], [404, 'user_not_found']);
        assert.ok(error.description);
        return true;
    });
});

method('appUsers.get', 'by the person', async (world) => {
    const [mine, another] = [await world.user({ givenName: 'Erin' }), await world.user()];
    const credentials = { keyId: world.key._id, secret: world.key.secret, scope: 'appUser', userId: mine.userId };
    const api = clientWith(credentials);
    assert.deepEqual((await api.appUsers.get(mine.userId)).appUser, (await world.api.appUsers.get(mine._id)).appUser);
    const words = { role: 'appUser', type: 'text', text: 'It is me' };
    const { message } = await api.appUsers.sendMessage(mine.userId, words);
    assert.deepEqual([message.name, message.authorId], ['Erin', mine._id]);
    await rejectedWith(api.appUsers.get(another.userId), 'forbidden');
    await rejectedWith(api.appUsers.getMessages(mine.userId), 'forbidden');
});

method('appUsers.update', async (world) => {
    const { _id, userId } = await world.user({ givenName: 'Erin', properties: { vip: true, tier: 1 } });
    const { appUser } = await world.api.appUsers.update(userId, { surname: 'Ross', properties: { tier: 2 } });
    assert.deepEqual([appUser._id, appUser.givenName, appUser.surname], [_id, 'Erin', 'Ross']);
    assert.deepEqual(appUser.properties, { vip: true, tier: 2 });
    assert.deepEqual((await world.api.appUsers.get(_id)).appUser, appUser);
});

method('appUsers.delete', async (world) => {
    const { line, user, userId } = await world.linked({ givenName: 'Erin' });
    await world.own.appUsers.sendMessage(user, { role: 'appMaker', type: 'text', text: 'Hello' });
    await line.received(1);
    assert.deepEqual(await world.api.appUsers.delete(userId), {});
    const event = await world.heard('appUser:delete');
    assert.equal(event.appUser._id, user);
    await rejectedWith(world.api.appUsers.get(user), 'user_not_found');
    await rejectedWith(world.api.appUsers.getMessages(userId), 'user_not_found');
    await line.write('Who are you?');
    const met = await world.heard('message:appUser');
    assert.notEqual(met.appUser._id, user, 'whoever writes afterwards is a stranger');
    await world.user({ userId });
});

method('appUsers.deleteProfile', async (world) => {
    const { _id } = await world.user({ givenName: 'Erin', email: 'erin@example.com', properties: { vip: true } });
    await world.own.appUsers.sendMessage(_id, { role: 'appMaker', type: 'text', text: 'Hello' });
    const { appUser } = await world.api.appUsers.deleteProfile(_id);
    assert.deepEqual([appUser.givenName, appUser.email, appUser.properties], [undefined, undefined, {}]);
    assert.deepEqual((await world.api.appUsers.get(_id)).appUser, appUser);
    assert.equal((await world.api.appUsers.getMessages(_id)).messages.length, 1, 'the messages stay');
});

method('appUsers.getBusinessSystems', async (world) => {
    const { _id } = await world.user();
    assert.deepEqual(await world.api.appUsers.getBusinessSystems(_id), { businessSystems: [] });
    await rejectedWith(world.api.appUsers.getBusinessSystems('nobody'), 'user_not_found');
});

method('appUsers.getAuthCode', async (world) => {
    const { _id } = await world.user();
    const { authCode } = await world.api.appUsers.getAuthCode(_id);
    assert.match(authCode, /^ac_[0-9a-f]{24}$/);
    assert.notEqual((await world.api.appUsers.getAuthCode(_id)).authCode, authCode);
});

method('appUsers.mergeUsers', async (world) => {
    const { line, user } = await world.linked();
    await world.own.appUsers.sendMessage(user, { role: 'appMaker', type: 'text', text: 'Before' });
    const survivor = await world.user({ givenName: 'Erin' });
    const props = { surviving: { _id: survivor._id }, discarded: { _id: user } };
    assert.deepEqual(await world.api.appUsers.mergeUsers({ props }), {});
    await world.heard('merge:appUser', (one) =>
        one.surviving._id === survivor._id && one.discarded[0]._id === user);
    await rejectedWith(world.api.appUsers.get(user), 'user_not_found');
    const { appUser } = await world.api.appUsers.get(survivor._id);
    assert.deepEqual([appUser.givenName, appUser.clients[0].externalId], ['Erin', line.person]);
    const { messages } = await world.api.appUsers.getMessages(survivor._id);
    assert.deepEqual(messages.map((one) => one.text), ['Before']);
    await line.write('It is me');
    await world.heard('message:appUser', (one) => one.appUser._id === survivor._id);
});
