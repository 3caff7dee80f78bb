// notifications.*

import assert from 'node:assert/strict';

import { method, rejectedWith } from '../harness.mjs';

for (const [kind, reports] of [
    ['twilio', true], ['messagebird', true], ['whatsapp', true], ['mailgun', false], ['messenger', false],
]) {
    method('notifications.postNotification', kind, async (world) => {
        const line = await world.joined(kind);
        const notified = (integrationId) => world.api.notifications.postNotification({
            notification: {
                destination: { integrationId, destinationId: line.person },
                author: { role: 'appMaker' },
                message: { type: 'text', text: 'Check this out!' },
            },
        });
        const { notification } = await notified(line.id);
        assert.match(notification._id, /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
        const last = `notification:delivery:${reports ? 'user' : 'channel'}`;
        const final = await world.heard(last, (one) => one.notification._id === notification._id);
        assert.deepEqual([final.isFinalEvent, final.destination.destinationId], [true, line.person]);
        await line.received(1);
        await line.write('What is it?');
        const reply = await world.heard('message:appUser');
        assert.deepEqual(reply.recentNotifications.map((one) => one.text), ['Check this out!']);
        const { messages } = await world.own.appUsers.getMessages(reply.appUser._id);
        assert.equal(messages.length, 2);
        await rejectedWith(notified('000000000000000000000000'), 'integration_not_found');
    });
}

method('notifications.postNotification', 'a template', async (world) => {
    const line = await world.joined('whatsapp');
    const asked = { name: 'parcel', language: 'en', category: 'UTILITY' };
    const messageTemplate = { ...asked, components: [{ type: 'BODY', text: 'It comes {{1}}.' }] };
    await world.own.integrations.messageTemplates.create({ integrationId: line.id, messageTemplate });
    const template = {
        namespace: 'fake', name: 'parcel', language: { policy: 'deterministic', code: 'en' },
        components: [{ type: 'body', parameters: [{ type: 'text', text: 'today' }] }],
    };
    await world.api.notifications.postNotification({
        notification: {
            destination: { integrationId: line.id, destinationId: line.person },
            author: { role: 'appMaker' },
            messageSchema: 'whatsapp',
            message: { type: 'template', template },
        },
    });
    const [sent] = await line.received(1);
    assert.equal(sent.request.template.name, 'parcel');
});
