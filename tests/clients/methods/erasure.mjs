// What waits for erasure.

import { refused } from '../harness.mjs';

refused('appUsers.delete', 405, 'method_not_allowed', async (world) =>
    world.api.appUsers.delete((await world.user())._id));
