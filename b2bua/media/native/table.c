#include "state.h"

#include <errno.h>
#include <stdlib.h>

#define INDICES 32768
#define GENERATIONS 65535

static int grow(struct table *table) {
    int32_t size = table->size ? table->size * 2 : 64;
    if (size > INDICES)
        return -ENOSPC;
    void **entries = realloc(table->entries, (size_t)size * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    table->entries = entries;
    int32_t *generations = realloc(table->generations, (size_t)size * sizeof *generations);
    if (!generations)
        return -ENOMEM;
    table->generations = generations;
    /* Called only when nothing is free, so the queue of the free is empty. */
    int32_t *free_indices = realloc(table->free, (size_t)size * sizeof *free_indices);
    if (!free_indices)
        return -ENOMEM;
    table->free = free_indices;
    table->first_free = 0;
    for (int32_t i = table->size; i < size; i++) {
        table->entries[i] = NULL;
        table->generations[i] = 0;
        table->free[table->n_free++] = i;
    }
    table->size = size;
    return 0;
}

int table_add(struct table *table, void *entry) {
    int error = table->n_free ? 0 : grow(table);
    if (error)
        return error;
    int32_t index = table->free[table->first_free];
    table->first_free = (table->first_free + 1) % table->size;
    table->n_free--;
    table->entries[index] = entry;
    table->count++;
    return table->generations[index] * INDICES + index;
}

void *table_find(const struct table *table, int handle) {
    int32_t index = handle % INDICES;
    if (handle < 0 || index >= table->size || table->generations[index] != handle / INDICES)
        return NULL;
    return table->entries[index];
}

void table_remove(struct table *table, int handle) {
    int32_t index = handle % INDICES;
    table->entries[index] = NULL;
    table->generations[index] = (table->generations[index] + 1) % GENERATIONS;
    table->free[(table->first_free + table->n_free) % table->size] = index;
    table->n_free++;
    table->count--;
}

void table_free(struct table *table) {
    free(table->entries);
    free(table->generations);
    free(table->free);
}
