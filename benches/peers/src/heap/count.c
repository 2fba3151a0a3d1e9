// malloc and its kin, counted. Defined in the executable, they serve the shared libraries too, so that every peer
// is measured alike. The C library's own are behind them.
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

// One thread allocates at a time here: everything runs on the main thread.
static uint64_t allocations;
static uint64_t live;

uint64_t heap_allocations(void) {
    return allocations;
}

// Bytes in use, as the allocator has rounded them up.
uint64_t heap_live(void) {
    return live;
}

static void *took(void *block) {
    if (block) {
        allocations++;
        live += malloc_usable_size(block);
    }
    return block;
}

void *malloc(size_t size) {
    return took(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return took(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size) {
    size_t before = block ? malloc_usable_size(block) : 0;
    void *moved = __libc_realloc(block, size);
    if (moved || !size) live -= before;
    return took(moved);
}

void *memalign(size_t alignment, size_t size) {
    return took(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return took(__libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    void *taken = took(__libc_memalign(alignment, size));
    if (!taken) return ENOMEM;
    *block = taken;
    return 0;
}

void free(void *block) {
    if (block) live -= malloc_usable_size(block);
    __libc_free(block);
}
