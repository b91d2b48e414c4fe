//! The course of one computation: look up, win or wait, look again, compute, put; and its event log.
