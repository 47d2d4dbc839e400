//! What is promised, under real faults: processes killed and frozen, servers taken away, disks full, connections cut.
//!
//! Every test compares what was answered with what is stored: the counts, each line once, progress that never goes back.

mod checks;
mod content;
#[cfg(feature = "services")]
mod drill;
mod events;
mod files;
#[cfg(feature = "services")]
mod gateway;
#[cfg(feature = "services")]
mod ground;
#[cfg(feature = "services")]
mod keys;
mod kills;
mod rig;
mod rules;
#[cfg(feature = "services")]
mod servers;
#[cfg(feature = "services")]
mod streams;
mod uploads;
mod watch;
mod watch_time;
