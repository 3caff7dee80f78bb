// appUsers.*: what is said.

import assert from 'node:assert/strict';

import { method, rejectedWith } from '../harness.mjs';

// The business's words.
const words = (text) => ({ role: 'appMaker', type: 'text', text });

// Says so many things in a conversation, one after the other, and answers them.
async function said(world, user, texts) {
    const messages = [];
    for (const text of texts) messages.push((await world.own.appUsers.sendMessage(user, words(text))).message);
    return messages;
}

const texts = (page) => page.messages.map((one) => one.text);

method('appUsers.sendMessage', async (world) => {
    const { line, userId } = await world.linked();
    const { message, conversation } = await world.api.appUsers.sendMessage(userId, words('Hello, Carol'));
    assert.match(conversation._id, /^[0-9a-f]{24}$/);
    assert.deepEqual([message.role, message.text, conversation.unreadCount], ['appMaker', 'Hello, Carol', 1]);
    const [arrived] = await line.received(1);
    assert.equal(arrived.text, 'Hello, Carol');
    await world.heard('message:delivery:user', (one) => one.message._id === message._id);
    assert.deepEqual(texts(await world.api.appUsers.getMessages(userId)), ['Hello, Carol']);
});

method('appUsers.sendMessage', 'of the person', async (world) => {
    const { _id } = await world.user({ givenName: 'Carol' });
    const { message } = await world.api.appUsers.sendMessage(_id, { role: 'appUser', type: 'text', text: 'Hello' });
    assert.deepEqual([message.role, message.name, message.authorId], ['appUser', 'Carol', _id]);
    const event = await world.heard('message:appUser');
    assert.deepEqual(event.messages, [message]);
    assert.equal(event.headers['x-api-key'], world.webhook.secret);
});

const picture = 'https://example.com/photo.png';
const link = { type: 'link', text: 'More', uri: 'https://example.com/' };
const items = [{ title: 'Tacos', description: 'Beef and cheese', actions: [link] }];

for (const [type, content, text] of [
    ['image', { mediaUrl: picture, mediaType: 'image/png', text: 'Look' }, 'Look'],
    ['file', { mediaUrl: 'https://example.com/bill.pdf', mediaType: 'application/pdf' }, ''],
    ['location', { coordinates: { lat: 45.5, long: -73.5 } },
        'Location shared:\nhttps://maps.google.com/maps?q=45.5,-73.5'],
    ['carousel', { items }, '1. Tacos\nBeef and cheese\nMore: https://example.com/'],
    ['list', { items }, '1. Tacos\nBeef and cheese\nMore: https://example.com/'],
    ['form', { fields: [{ type: 'email', name: 'mail', label: 'Your address?' }] }, 'Your address?'],
    ['text', { text: 'Which?', actions: [{ type: 'reply', text: 'One', payload: 'ONE' }] }, 'Which?'],
]) {
    const detail = content.actions ? 'text with replies' : type;
    method('appUsers.sendMessage', detail, async (world) => {
        const { _id } = await world.user();
        const asked = { role: 'appMaker', type, ...content, metadata: { order: 7 } };
        const { message } = await world.api.appUsers.sendMessage(_id, asked);
        assert.deepEqual([message.type, message.text, message.metadata], [type, text, { order: 7 }]);
        const { messages } = await world.api.appUsers.getMessages(_id);
        assert.deepEqual(messages, [message], 'the history says what the answer said');
        const event = await world.heard('message:appMaker');
        assert.deepEqual(event.messages, [message], 'the webhook, too');
    });
}

method('appUsers.getMessages', async (world) => {
    const { _id } = await world.user();
    assert.deepEqual((await world.api.appUsers.getMessages(_id)).messages, []);
    const [one, two, three] = await said(world, _id, ['one', 'two', 'three']);
    assert.deepEqual((await world.api.appUsers.getMessages(_id)).messages, [one, two, three]);
    const before = await world.api.appUsers.getMessages({ userId: _id, query: { before: three.received } });
    assert.deepEqual(texts(before), ['one', 'two']);
    assert.ok(before.next.includes('after='), 'later ones exist');
    const after = await world.api.appUsers.getMessages({ userId: _id, query: { after: one.received } });
    assert.deepEqual(texts(after), ['two', 'three']);
    await rejectedWith(world.api.appUsers.getMessages('nobody'), 'user_not_found');
});

method('appUsers.deleteMessage', async (world) => {
    const { _id } = await world.user();
    const [one] = await said(world, _id, ['one', 'two']);
    assert.deepEqual(await world.api.appUsers.deleteMessage(_id, one._id), {});
    assert.deepEqual(texts(await world.api.appUsers.getMessages(_id)), ['two']);
    await rejectedWith(world.api.appUsers.deleteMessage(_id, one._id), 'not_found');
});

method('appUsers.deleteMessages', async (world) => {
    const { user } = await world.linked();
    await said(world, user, ['one', 'two']);
    assert.deepEqual(await world.api.appUsers.deleteMessages(user), {});
    const { messages, conversation } = await world.api.appUsers.getMessages(user);
    assert.deepEqual([messages, conversation.unreadCount], [[], 0]);
    assert.equal((await world.api.appUsers.getChannels(user)).channels.length, 1, 'the link stays');
    await said(world, user, ['three']);
    assert.deepEqual(texts(await world.api.appUsers.getMessages(user)), ['three']);
});
