//! What rules wait for, look at and say.

mod evidence;
mod notices;
mod notifications;
mod wakes;
mod watermark;
