//! Opening a stream.

use crate::config::{SpoolConfig, SpoolError};
use crate::events::Recovery;
use crate::layout::StreamDir;
use crate::lock::lock;
use crate::recover;
use crate::sessions::Sessions;
use crate::spool::Spool;
use crate::volume::Volume;
use hoopwire_recording::is_node;
use std::collections::VecDeque;
use std::time::Instant;

impl<V: Volume> Spool<V> {
    /// As [`Spool::open`], on a volume of the caller's.
    ///
    /// # Errors
    /// [`SpoolError`] names what failed. Nothing that was recorded is lost by it.
    pub fn open_on(
        mut volume: V,
        config: SpoolConfig,
        now: Instant,
        unix_us: u64,
    ) -> Result<(Spool<V>, Vec<Recovery>), SpoolError> {
        if !is_node(&config.node) {
            return Err(SpoolError::Node(config.node));
        }
        let directory = StreamDir::new(&config.directory, config.stream);
        let lock = lock(&directory)?;
        let fresh = directory.fresh();
        if fresh.exists() {
            volume.remove(&fresh).map_err(SpoolError::io("remove", &fresh))?;
        }
        let recoveries = recover::recover(&mut volume, &config, &directory, unix_us)?;
        let (tail, unended) = recover::tail(&directory)?;
        let path = directory.path().to_owned();
        let mut spool = Spool {
            config,
            volume,
            directory,
            sessions: Sessions::owing(unended),
            tail,
            segment: None,
            fresh: None,
            placed: false,
            events: VecDeque::new(),
            failed: None,
            retry_at: None,
            seal_at: None,
            checkpoint_at: None,
            space: None,
            look_at: None,
            looked_us: 0,
            unix_us,
            scratch: Vec::new(),
            lock,
        };
        spool.rotate(unix_us, 0).map_err(SpoolError::io("open a segment in", path))?;
        if spool.seal_at.is_some() {
            spool.seal_at = Some(now + spool.config.seal_after);
        }
        Ok((spool, recoveries))
    }
}
