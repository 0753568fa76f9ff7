// SPDX-License-Identifier: GPL-2.0
/* What the workloads of the benchmark have in common: see main.c. */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>

#define KIB 1024UL
#define MIB (1024 * KIB)

/* What is asked for, and room for a MiB: main.c. */
extern const char *kind, *source, *arg, *list;
extern int rounds;
extern char buffer[MIB];

/* What takes how long, and what each workload does before and after: measure.c. */
extern double best; /* of start() ... stop() until now; none if it is 0 */

void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);
void *allocate(size_t size);
uint64_t now(void);
void start(void);
void stop(unsigned long times);
void result(const char *suffix, double value);
void finish(void);
void settle(void);
void write_file(const char *path, const char *text);
void drop_caches(void);
void attach(const char *from, const char *at);
void detach(const char *at);
uint64_t number(uint64_t below);

/* Directories and the files in them: trees.c. */
void walk_cold(void);
void walk_warm(void);
void lstat_cold(void);
void lookup_miss(void);
void readdir_cold(void);
void files_cold(void);
void xattr_warm(void);
void overlay_walk(void);
void overlay_files(void);

/* Reads of one large file: reads.c. */
void sequential_cold(void);
void first_cold(void);
void random_cold(void);
void listed_cold(void);
void mmap_cold(void);
void timed_cold(void);
void read_warm(void);
void streams_cold(void);

/* Mounts: mounts.c. */
void mount_alone(void);
void mount_many(void);

#endif
