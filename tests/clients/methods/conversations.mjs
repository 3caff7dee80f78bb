// conversations.* and appUsers.conversationActivity

import assert from 'node:assert/strict';

import { method, rejectedWith } from '../harness.mjs';

const hello = { role: 'appMaker', type: 'text', text: 'Hello' };

method('conversations.get', async (world) => {
    const { _id } = await world.user();
    const { message } = await world.own.appUsers.sendMessage(_id, hello);
    const { conversation } = await world.api.conversations.get(_id);
    assert.deepEqual([conversation.unreadCount, conversation.messages], [1, [message]]);
    await rejectedWith(world.api.conversations.get('nobody'), 'user_not_found');
});

method('conversations.postPostback', async (world) => {
    const { _id } = await world.user();
    const actions = [{ type: 'postback', text: 'Pay', payload: 'PAY' }];
    const { message } = await world.own.appUsers.sendMessage(_id, { ...hello, actions });
    assert.deepEqual(await world.api.conversations.postPostback(_id, message.actions[0]._id), {});
    const { postbacks, appUser } = await world.heard('postback');
    assert.equal(appUser._id, _id);
    assert.deepEqual([postbacks[0].action.payload, postbacks[0].message._id], ['PAY', message._id]);
    await rejectedWith(world.api.conversations.postPostback(_id, '000000000000000000000000'), 'not_found');
});

method('conversations.resetUnreadCount', async (world) => {
    const { _id } = await world.user();
    const { conversation } = await world.own.appUsers.sendMessage(_id, hello);
    assert.equal(conversation.unreadCount, 1);
    await world.api.conversations.resetUnreadCount(_id);
    const after = (await world.own.conversations.get(_id)).conversation;
    assert.equal(after.unreadCount, 0);
    assert.ok(after.appUserLastRead >= conversation.appMakerLastRead);
});

for (const [type, shown] of [
    ['typing:start', 'typing_on'], ['typing:stop', 'typing_off'], ['conversation:read', 'mark_seen'],
]) {
    method('appUsers.conversationActivity', type, async (world) => {
        const { line, user } = await world.writer('messenger');
        const { conversation } = await world.api.appUsers.conversationActivity(user, { role: 'appMaker', type });
        assert.match(conversation._id, /^[0-9a-f]{24}$/);
        const acts = await line.acts();
        assert.deepEqual(acts.map((one) => [one.act, one.about]), [[shown, line.person]]);
        const read = (await world.own.conversations.get(user)).conversation.appMakerLastRead;
        if (type === 'conversation:read') assert.equal(read, conversation.appMakerLastRead);
    });
}
