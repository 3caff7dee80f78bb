// SwitchboardsApi.*, SwitchboardIntegrationsApi.* and SwitchboardActionsApi.*

import assert from 'node:assert/strict';

import sunshine from 'sunshine-conversations-client';

import { method, rejectedWith } from '../sunshine.mjs';

method('SwitchboardsApi.createSwitchboard', async ({ api }) => {
    const { switchboard } = await api.SwitchboardsApi.createSwitchboard();
    assert.equal(switchboard.enabled, false);
    await rejectedWith(api.SwitchboardsApi.createSwitchboard(), 400, 'bad_request');
});

method('SwitchboardsApi.listSwitchboards', async ({ api, own }) => {
    assert.deepEqual((await api.SwitchboardsApi.listSwitchboards()).switchboards, []);
    const { switchboard } = await own.SwitchboardsApi.createSwitchboard();
    assert.deepEqual((await api.SwitchboardsApi.listSwitchboards()).switchboards, [switchboard]);
});

method('SwitchboardsApi.updateSwitchboard', async (world) => {
    const { id, other } = await world.switchboard();
    const body = Object.assign(new sunshine.SwitchboardUpdateBody(), { defaultSwitchboardIntegrationId: other.id });
    const { switchboard } = await world.api.SwitchboardsApi.updateSwitchboard(id, body);
    assert.deepEqual(switchboard, { id, enabled: true, defaultSwitchboardIntegrationId: other.id });
});

method('SwitchboardsApi.deleteSwitchboard', async (world) => {
    const { switchboard } = await world.own.SwitchboardsApi.createSwitchboard();
    assert.deepEqual(await world.api.SwitchboardsApi.deleteSwitchboard(switchboard.id), {});
    assert.deepEqual((await world.own.SwitchboardsApi.listSwitchboards()).switchboards, []);
});

method('SwitchboardIntegrationsApi.createSwitchboardIntegration', async (world) => {
    const { id } = (await world.own.SwitchboardsApi.createSwitchboard()).switchboard;
    const body = Object.assign(new sunshine.SwitchboardIntegrationCreateBody('bot'),
        { name: 'bot', integrationId: world.custom.id, messageHistoryCount: 3 });
    const { SwitchboardIntegrationsApi } = world.api;
    const made = await SwitchboardIntegrationsApi.createSwitchboardIntegration(id, body);
    const { id: _, ...shown } = made.switchboardIntegration;
    assert.deepEqual(shown, {
        name: 'bot', integrationId: world.custom.id, integrationType: 'custom', deliverStandbyEvents: true,
        messageHistoryCount: 3,
    });
});

method('SwitchboardIntegrationsApi.listSwitchboardIntegrations', async (world) => {
    const { id, one, other } = await world.switchboard();
    const listed = await world.api.SwitchboardIntegrationsApi.listSwitchboardIntegrations(id);
    assert.deepEqual(listed.switchboardIntegrations, [one, other]);
});

method('SwitchboardIntegrationsApi.updateSwitchboardIntegration', async (world) => {
    const { id, one, other } = await world.switchboard();
    const body = { deliverStandbyEvents: false, nextSwitchboardIntegrationId: one.id };
    const { SwitchboardIntegrationsApi } = world.api;
    const { switchboardIntegration } =
        await SwitchboardIntegrationsApi.updateSwitchboardIntegration(id, other.id, body);
    assert.deepEqual(switchboardIntegration, { ...other, ...body });
});

method('SwitchboardIntegrationsApi.deleteSwitchboardIntegration', async (world) => {
    const { id, one, other } = await world.switchboard();
    const { SwitchboardIntegrationsApi } = world.api;
    assert.deepEqual(await SwitchboardIntegrationsApi.deleteSwitchboardIntegration(id, other.id), {});
    const isDefault = SwitchboardIntegrationsApi.deleteSwitchboardIntegration(id, one.id);
    await rejectedWith(isDefault, 400, 'bad_request');
});

// A conversation that the first of the two has, and what shows who has it.
async function held(world) {
    const { one, other } = await world.switchboard();
    const { id } = await world.conversation(await world.user());
    const controllers = async () => {
        const { conversation } = await world.own.ConversationsApi.getConversation(id);
        const name = (which) => conversation[`${which}SwitchboardIntegration`]?.name;
        return [name('active'), name('pending')];
    };
    assert.deepEqual(await controllers(), ['bot', undefined]);
    return { id, one, other, controllers };
}

method('SwitchboardActionsApi.passControl', async (world) => {
    const { id, other, controllers } = await held(world);
    const body = Object.assign(new sunshine.PassControlBody(), { switchboardIntegration: 'desk', metadata: { n: 1 } });
    assert.deepEqual(await world.api.SwitchboardActionsApi.passControl(id, body), {});
    const told = await world.heard('switchboard:passControl');
    assert.deepEqual([told.conversation.activeSwitchboardIntegration.id, told.metadata], [other.id, { n: 1 }]);
    assert.deepEqual(await controllers(), ['desk', undefined]);
});

method('SwitchboardActionsApi.offerControl', async (world) => {
    const { id, other, controllers } = await held(world);
    assert.deepEqual(
        await world.api.SwitchboardActionsApi.offerControl(id, { switchboardIntegration: other.id }), {},
    );
    await world.heard('switchboard:offerControl');
    assert.deepEqual(await controllers(), ['bot', 'desk']);
    await world.api.SwitchboardActionsApi.offerControl(id, { switchboardIntegration: 'nobody' });
    assert.equal((await world.heard('switchboard:offerControl:failure')).error.code, 'switchboard_invalid_target');
});

method('SwitchboardActionsApi.acceptControl', async (world) => {
    const { id, one, controllers } = await held(world);
    await world.own.SwitchboardActionsApi.passControl(id, { switchboardIntegration: 'desk' });
    await world.own.SwitchboardActionsApi.offerControl(id, { switchboardIntegration: one.id });
    const body = new sunshine.AcceptControlBody();
    assert.deepEqual(await world.api.SwitchboardActionsApi.acceptControl(id, body), {});
    await world.heard('switchboard:acceptControl');
    assert.deepEqual(await controllers(), ['bot', undefined]);
});

method('SwitchboardActionsApi.releaseControl', async (world) => {
    const { id, controllers } = await held(world);
    assert.deepEqual(await world.api.SwitchboardActionsApi.releaseControl(id), {});
    await world.heard('switchboard:releaseControl');
    assert.deepEqual(await controllers(), [undefined, undefined]);
});
