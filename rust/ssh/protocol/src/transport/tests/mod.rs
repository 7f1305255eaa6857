mod hostile;
mod order;
mod scripted;

use super::Transport;
use super::outgoing::Used;

impl Transport {
    /// As if the keys of one direction had been used so much.
    fn set_used(&mut self, incoming: bool, used: Used) {
        if incoming {
            self.incoming.used = used;
        } else {
            self.outgoing.used = used;
        }
    }
}
