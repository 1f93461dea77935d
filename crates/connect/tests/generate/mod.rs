//! Demos and datagen: repeatable, out of order within what they state, readable by others.

mod datagen;
mod demos;
