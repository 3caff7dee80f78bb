// MessagesApi.* and AttachmentsApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { PICTURE, fileOf } from '../harness.mjs';
import { method, rejectedWith } from '../sunshine.mjs';

const author = { type: 'business', displayName: 'Ada' };
const link = { type: 'link', text: 'Open', uri: 'https://example.com/' };
const item = { title: 'Tea', description: 'Green', actions: [link] };

const CONTENTS = {
    text: { ...new sunshine.TextMessage('text'), type: 'text', text: 'Hello', actions: [link] },
    image: { type: 'image', mediaUrl: 'https://example.com/a.png', altText: 'A cup' },
    file: { type: 'file', mediaUrl: 'https://example.com/a.pdf' },
    carousel: { type: 'carousel', items: [item] },
    list: { type: 'list', items: [item], actions: [link] },
    location: { type: 'location', coordinates: { lat: 45.5, long: -73.6 }, location: { name: 'Shop' } },
    form: { type: 'form', fields: [{ type: 'text', name: 'name', label: 'Your name' }] },
};

for (const [kind, content] of Object.entries(CONTENTS)) {
    method('MessagesApi.postMessage', kind, async (world) => {
        const { id } = await world.conversation(await world.user());
        const { messages } = await world.api.MessagesApi.postMessage(id, { author, content, metadata: { n: 1 } });
        const [message] = messages;
        assert.deepEqual([messages.length, message.content.type, message.metadata], [1, kind, { n: 1 }]);
        assert.deepEqual([message.author, message.source], [author, { type: 'api:conversations' }]);
        assert.deepEqual((await world.own.MessagesApi.listMessages(id)).messages, messages);
        const told = await world.heard('conversation:message', (one) => one.message.id === message.id);
        assert.deepEqual(told.message.content, message.content);
    });
}

method('MessagesApi.postMessage', 'as a user', async (world) => {
    const user = await world.user();
    const { id } = await world.conversation(user);
    const body = { author: { type: 'user', userExternalId: user.externalId }, content: { type: 'text', text: 'Hi' } };
    const [message] = (await world.api.MessagesApi.postMessage(id, body)).messages;
    assert.deepEqual([message.author.type, message.author.userId], ['user', user.id]);
});

method('MessagesApi.postMessage', 'to a phone', async (world) => {
    const { line, conversation } = await world.writer('twilio');
    const body = new sunshine.MessagePost(author, { type: 'text', text: 'Your parcel is here' });
    Object.assign(body, { author, content: { type: 'text', text: 'Your parcel is here' } });
    const [message] = (await world.api.MessagesApi.postMessage(conversation.id, body)).messages;
    assert.equal((await line.received(1))[0].text, 'Your parcel is here');
    const about = (told) => told.message.id === message.id;
    await world.heard('conversation:message:delivery:channel', about);
    assert.equal((await world.heard('conversation:message:delivery:user', about)).isFinalEvent, true);
});

method('MessagesApi.listMessages', async (world) => {
    const conversation = await world.conversation(await world.user());
    const said = [];
    for (const text of ['one', 'two', 'three']) said.push(await world.said(conversation, { type: 'text', text }));
    const { messages, meta } = await world.api.MessagesApi.listMessages(conversation.id);
    assert.deepEqual([messages, meta.hasMore], [said, false]);
    const page = { before: said[2].id };
    assert.deepEqual((await world.api.MessagesApi.listMessages(conversation.id, { page })).messages, said.slice(0, 2));
});

method('MessagesApi.deleteMessage', async (world) => {
    const conversation = await world.conversation(await world.user());
    const [one, other] = [await world.said(conversation), await world.said(conversation)];
    assert.deepEqual(await world.api.MessagesApi.deleteMessage(conversation.id, one.id), {});
    assert.deepEqual((await world.own.MessagesApi.listMessages(conversation.id)).messages, [other]);
    await rejectedWith(world.api.MessagesApi.deleteMessage(conversation.id, one.id), 404, 'not_found');
});

method('MessagesApi.deleteAllMessages', async (world) => {
    const conversation = await world.conversation(await world.user());
    await world.said(conversation);
    assert.deepEqual(await world.api.MessagesApi.deleteAllMessages(conversation.id), {});
    assert.deepEqual((await world.own.MessagesApi.listMessages(conversation.id)).messages, []);
});

const bytesAt = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer());

method('AttachmentsApi.uploadAttachment', 'a stream', async (world) => {
    const { attachment } =
        await world.api.AttachmentsApi.uploadAttachment('public', await fileOf('dot.png', PICTURE), { _for: 'message' });
    assert.equal(attachment.mediaType, 'image/png');
    assert.deepEqual(await bytesAt(attachment.mediaUrl), PICTURE);
});

method('AttachmentsApi.uploadAttachment', 'bytes without a name', async (world) => {
    const { id: conversationId } = await world.conversation(await world.user());
    const more = { _for: 'message', conversationId };
    const { attachment } = await world.api.AttachmentsApi.uploadAttachment('public', PICTURE, more);
    assert.deepEqual(await bytesAt(attachment.mediaUrl), PICTURE);
});

method('AttachmentsApi.deleteAttachment', async (world) => {
    const { attachment } = await world.own.AttachmentsApi.uploadAttachment('public', PICTURE, {});
    const body = Object.assign(new sunshine.AttachmentDeleteBody(), { mediaUrl: attachment.mediaUrl });
    assert.deepEqual(await world.api.AttachmentsApi.deleteAttachment(body), {});
    assert.equal((await fetch(attachment.mediaUrl)).status, 404);
    await rejectedWith(world.api.AttachmentsApi.deleteAttachment(body), 404, 'not_found');
    const elsewhere = { mediaUrl: 'https://example.com/a.png' };
    await rejectedWith(world.api.AttachmentsApi.deleteAttachment(elsewhere), 400, 'bad_request');
});
