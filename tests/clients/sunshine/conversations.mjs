// ConversationsApi.*, ParticipantsApi.*, ActivitiesApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { method, refused, rejectedWith } from '../sunshine.mjs';

method('ConversationsApi.createConversation', 'personal', async (world) => {
    const user = await world.user();
    const body = Object.assign(new sunshine.ConversationCreateBody(), {
        type: 'personal', participants: [{ userExternalId: user.externalId }], displayName: 'Order 7',
        metadata: { order: 7 },
    });
    const { conversation } = await world.api.ConversationsApi.createConversation(body);
    assert.deepEqual(
        [conversation.type, conversation.isDefault, conversation.displayName, conversation.metadata],
        ['personal', true, 'Order 7', { order: 7 }],
    );
    const second = (await world.api.ConversationsApi.createConversation(body)).conversation;
    assert.equal(second.isDefault, false);
    const told = await world.heard('conversation:create', (one) => one.conversation.id === second.id);
    assert.deepEqual([told.creationReason, told.user.id], ['none', user.id]);
    await rejectedWith(world.api.ConversationsApi.createConversation({ type: 'personal' }), 400, 'bad_request');
});

method('ConversationsApi.createConversation', 'a group', async (world) => {
    const [ada, bob] = [await world.user(), await world.user()];
    const participants = [ada, bob].map(({ id }) => ({ userId: id, subscribeSDKClient: false }));
    const { conversation } = await world.api.ConversationsApi.createConversation({ type: 'sdkGroup', participants });
    assert.deepEqual([conversation.type, conversation.isDefault], ['sdkGroup', false]);
    const listed = (await world.own.ParticipantsApi.listParticipants(conversation.id)).participants;
    assert.deepEqual(listed.map((one) => one.userId).sort(), [ada.id, bob.id].sort());
});

method('ConversationsApi.getConversation', async (world) => {
    const made = await world.conversation(await world.user());
    assert.deepEqual((await world.api.ConversationsApi.getConversation(made.id)).conversation, made);
    const nowhere = world.api.ConversationsApi.getConversation('000000000000000000000000');
    await rejectedWith(nowhere, 404, 'conversation_not_found');
});

method('ConversationsApi.listConversations', async (world) => {
    const user = await world.user();
    const made = [await world.conversation(user), await world.conversation(user), await world.conversation(user)];
    const { ConversationsApi } = world.api;
    const first = await ConversationsApi.listConversations({ userId: user.id }, { page: { size: 2 } });
    assert.deepEqual(first.conversations, made.slice(0, 2));
    const page = { after: first.meta.afterCursor };
    const rest = await ConversationsApi.listConversations({ userExternalId: user.externalId }, { page });
    assert.deepEqual([rest.conversations, rest.meta.hasMore], [made.slice(2), false]);
    await rejectedWith(ConversationsApi.listConversations({ userId: 'nobody' }), 404, 'user_not_found');
});

method('ConversationsApi.updateConversation', async (world) => {
    const made = await world.conversation(await world.user(), { displayName: 'Old', metadata: { a: 1, b: 2 } });
    const body = { displayName: null, description: 'About parcels', metadata: { b: null, c: 3 } };
    const { conversation } = await world.api.ConversationsApi.updateConversation(made.id, body);
    assert.deepEqual([conversation.displayName, conversation.description, conversation.metadata],
        [undefined, 'About parcels', { a: 1, c: 3 }]);
});

method('ConversationsApi.deleteConversation', async (world) => {
    const user = await world.user();
    const byDefault = await world.conversation(user);
    const other = await world.conversation(user);
    assert.deepEqual(await world.api.ConversationsApi.deleteConversation(other.id), {});
    assert.equal((await world.heard('conversation:remove')).conversation.id, other.id);
    const again = world.api.ConversationsApi.getConversation(other.id);
    await rejectedWith(again, 404, 'conversation_not_found');
    await rejectedWith(world.api.ConversationsApi.deleteConversation(byDefault.id), 400, 'bad_request');
});

refused('ConversationsApi.downloadMessageRef', 400, 'bad_request', async (world) => {
    const user = await world.user();
    const { id } = await world.conversation(user);
    const ref = { url: 'https://example.com/', bid: 'b', key: 'k', signature: 's', owner: 'o' };
    return world.api.ConversationsApi.downloadMessageRef(id, { userId: user.id, apple: { interactiveDataRef: ref } });
});

method('ParticipantsApi.joinConversation', async (world) => {
    const group = await world.group(await world.user());
    const user = await world.user();
    const join = () =>
        world.api.ParticipantsApi.joinConversation(group.id, { userId: user.id, subscribeSDKClient: false });
    const { participant } = await join();
    assert.deepEqual([participant.userId, participant.unreadCount], [user.id, 0]);
    assert.deepEqual((await join()).participant, participant);
    assert.equal((await world.heard('conversation:join')).user.id, user.id);
});

method('ParticipantsApi.listParticipants', async (world) => {
    const users = [await world.user(), await world.user(), await world.user()];
    const { id } = await world.group(...users);
    const first = await world.api.ParticipantsApi.listParticipants(id, { page: { size: 2 } });
    const page = { after: first.meta.afterCursor };
    const rest = await world.api.ParticipantsApi.listParticipants(id, { page });
    const listed = [...first.participants, ...rest.participants].map((one) => one.userId);
    assert.deepEqual([first.participants.length, listed.sort()], [2, users.map((one) => one.id).sort()]);
});

method('ParticipantsApi.leaveConversation', async (world) => {
    const users = [await world.user(), await world.user(), await world.user()];
    const { id } = await world.group(...users);
    const [{ id: participantId }] = (await world.own.ParticipantsApi.listParticipants(id)).participants
        .filter((one) => one.userId === users[2].id);
    for (const body of [{ userId: users[0].id }, { userExternalId: users[1].externalId }, { participantId }]) {
        assert.deepEqual(await world.api.ParticipantsApi.leaveConversation(id, body), {});
    }
    assert.deepEqual((await world.own.ParticipantsApi.listParticipants(id)).participants, []);
    await world.heard('conversation:leave', (told) => told.user.id === users[2].id);
    await rejectedWith(world.api.ParticipantsApi.leaveConversation(id, { userId: users[0].id }), 404, 'not_found');
});

for (const [type, shown] of [
    ['typing:start', 'typing_on'], ['typing:stop', 'typing_off'], ['conversation:read', 'mark_seen'],
]) {
    method('ActivitiesApi.postActivity', type, async (world) => {
        const { line, conversation } = await world.writer('messenger');
        const body = new sunshine.ActivityPost({ type: 'business' }, type);
        Object.assign(body, { author: { type: 'business' }, type });
        assert.deepEqual(await world.api.ActivitiesApi.postActivity(conversation.id, body), {});
        const acts = await line.acts();
        assert.deepEqual(acts.map((one) => [one.act, one.about]), [[shown, line.person]]);
    });
}

method('ActivitiesApi.postActivity', 'a user has read', async (world) => {
    const user = await world.user();
    const { id } = await world.conversation(user);
    await world.said({ id });
    const unread = async () => (await world.own.ParticipantsApi.listParticipants(id)).participants[0].unreadCount;
    assert.equal(await unread(), 1);
    const body = { author: { type: 'user', userId: user.id }, type: 'conversation:read' };
    assert.deepEqual(await world.api.ActivitiesApi.postActivity(id, body), {});
    assert.equal(await unread(), 0);
    assert.equal((await world.heard('conversation:read')).activity.author.userId, user.id);
});
