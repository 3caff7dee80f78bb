//! A send that may not leave yet: nothing happens to it but a line in its story.

use std::time::Duration;

use crate::model::{App, Delivery, Id};
use crate::store::Batch;

use super::{Core, CoreError};

impl Core {
    /// Notes that a send waits, and why. The caller settles its claim with the batch.
    pub async fn limited(
        &self,
        app: &Id<App>,
        id: &Id<Delivery>,
        why: &str,
        wait: Duration,
    ) -> Result<Batch, CoreError> {
        let mut batch = Batch::new(app);
        let now = self.clock.now();
        if let Some(mut read) = self.store.load::<Delivery>(app, id.as_str()).await?
            && read.value.state.is_open()
        {
            let detail = format!("{why}: waits {:.1} s", wait.as_secs_f64());
            read.value.note(now, "limited", Some(detail));
            self.save_delivery(now, &read, &mut batch);
        }
        Ok(batch)
    }
}
