// attachments.*

import assert from 'node:assert/strict';

import { PICTURE, fileOf, method, rejectedWith, serviceUrl } from '../harness.mjs';

const picture = () => fileOf('photo.png', PICTURE);

// What stands at an address of the gateway.
async function fetched(mediaUrl) {
    const response = await fetch(mediaUrl);
    const body = Buffer.from(await response.arrayBuffer());
    return { status: response.status, type: response.headers.get('content-type'), body };
}

async function assertPicture(mediaUrl) {
    const { status, type, body } = await fetched(mediaUrl);
    assert.deepEqual([status, type], [200, 'image/png']);
    assert.ok(body.equals(PICTURE), 'byte for byte');
}

method('attachments.create', async (world) => {
    const { line, user } = await world.linked();
    const uploaded = await world.api.attachments.create({ props: { access: 'public' }, source: await picture() });
    assert.equal(uploaded.mediaType, 'image/png');
    assert.ok(uploaded.mediaUrl.startsWith(`${serviceUrl}/`), uploaded.mediaUrl);
    await assertPicture(uploaded.mediaUrl);
    await world.own.appUsers.sendMessage(user, { role: 'appMaker', type: 'image', ...uploaded });
    const [sent] = await line.received(1);
    await assertPicture(sent.media[0].url ?? sent.media[0]);
});

method('attachments.create', 'of a person, private', async (world) => {
    const userId = '+15145550123';
    await world.own.appUsers.create({ appUser: { userId } });
    const props = { access: 'private', for: 'message', userId };
    const { mediaUrl } = await world.api.attachments.create({ props, source: await picture() });
    assert.ok((await fetched(mediaUrl)).status >= 400, 'not without a token');
    const basic = Buffer.from(`${world.key._id}:${world.key.secret}`).toString('base64');
    const asked = await fetch(`${serviceUrl}/v1.1/apps/${world.appId}/attachments/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
        body: JSON.stringify({ mediaUrl }),
    });
    await assertPicture((await asked.json()).mediaUrl);
});

method('attachments.create', 'by its content', async (world) => {
    const upload = (source) => world.api.attachments.create({ props: { access: 'public' }, source });
    const refused = async (name, bytes, description) =>
        assert.rejects(upload(await fileOf(name, bytes)), (error) => {
            assert.deepEqual([error.response?.status, error.code], [415, 'unsupported_media_type'], error.message);
            assert.equal(error.description, description);
            return true;
        });
    const program = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(3_000_000)]);
    await refused('run.exe', program, 'File rejected. File extension not allowed');
    await refused('photo.png', program, 'File rejected. File type not allowed');
    await refused('photo.png', Buffer.from([0, 1, 2, 3]), 'File rejected. File type could not be retrieved');
    await upload(await picture());
});

method('attachments.delete', async (world) => {
    const { mediaUrl } = await world.api.attachments.create({ props: { access: 'public' }, source: await picture() });
    await assertPicture(mediaUrl);
    assert.deepEqual(await world.api.attachments.delete(mediaUrl), {});
    assert.equal((await fetched(mediaUrl)).status, 404);
    await rejectedWith(world.api.attachments.delete('https://example.com/photo.png'), 'bad_request');
});

method('appUsers.uploadImage', async (world) => {
    const { line, user } = await world.linked();
    const { message } = await world.api.appUsers.uploadImage(user, await picture(), { role: 'appMaker', text: 'Look' });
    assert.deepEqual([message.type, message.text, message.mediaType], ['image', 'Look', 'image/png']);
    await assertPicture(message.mediaUrl);
    const { messages } = await world.api.appUsers.getMessages(user);
    assert.deepEqual(messages, [message]);
    const [sent] = await line.received(1);
    assert.equal(sent.media.length, 1, 'it reached the phone');
});
