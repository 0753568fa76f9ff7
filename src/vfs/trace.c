// SPDX-License-Identifier: GPL-2.0
/* The tracepoints themselves, with functions for Rust to fire them. */
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "trace_erofs.h"
