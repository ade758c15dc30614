#ifndef TROLLEY_CACHE_LMDB_OPEN_H_
#define TROLLEY_CACHE_LMDB_OPEN_H_

#include <cstdint>
#include <filesystem>

#include "trolley/error.h"

struct MDB_env;

// Opening LMDB's files, whatever state they are in; for LmdbEnvironment alone.
namespace trolley {

void MakeIndexDirectory(const std::filesystem::path& path);  // throws kStorage
// Opens the index in the folder `index` of `directory`; puts it aside and makes a new one when it cannot be used.
// Throws kStorage, kNoSpace.
MDB_env* OpenIndex(const std::filesystem::path& directory, const std::filesystem::path& index, uint64_t map_size);
void CloseIndex(MDB_env* env);
// Takes some disk for the index to grow into, so that it can be written also when the disk is full: without it nothing
// can be evicted.
void ReserveIndexRoom(MDB_env* env);
// The next to open it puts it aside.
void MarkIndexDamaged(const std::filesystem::path& index);

// Of LMDB's status codes.
bool MeansDamage(int status);
Error IndexError(const char* doing, int status);

}  // namespace trolley

#endif  // TROLLEY_CACHE_LMDB_OPEN_H_
