#include "cache/lmdb_open.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr unsigned int kMaxReaders = 256;
constexpr unsigned int kMaxTables = 64;
constexpr size_t kLockFileSize = 64 << 10;
constexpr off_t kRoomToGrow = 1 << 20;
constexpr std::string_view kFormat = "trolleyfs cache index 1";
constexpr const char* kDamagedMarker = "damaged";

// Data are synced at each commit, the meta page by the next one: after a crash of the system the index is that of an
// earlier transaction, never a torn one. NOTLS: read transactions belong to no thread.
constexpr unsigned int kFlags = MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD;

MDB_val ToFormatVal(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

std::string_view FromFormatVal(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

ErrorCode CodeOf(int status) {
  const bool full =
      status == MDB_MAP_FULL || status == MDB_TXN_FULL || status == ENOSPC || status == EDQUOT || status == EFBIG;
  return full ? ErrorCode::kNoSpace : ErrorCode::kStorage;
}

// Held while an index is opened, so that two processes do not both put aside a damaged one.
UniqueFd LockOpening(const std::filesystem::path& directory) {
  const auto path = directory / "index.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if ((errno != EWOULDBLOCK && errno != EINTR) || std::chrono::steady_clock::now() > deadline) {
      fd.Reset();
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!fd) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot lock ", path.string(), ": ", std::strerror(errno)));
  }
  return fd;
}

// LMDB maps its lock file and writes into the map: on a full disk a sparse one would end us with SIGBUS.
void AllocateLockFile(const std::filesystem::path& index) {
  UniqueFd fd(::open((index / "lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  const int status = fd ? ::posix_fallocate(fd.get(), 0, kLockFileSize) : errno;
  if (status != 0 && status != EOPNOTSUPP && status != EINVAL) {
    throw IndexError("open", status);
  }
}

void CheckFormat(MDB_env* env) {
  MDB_txn* txn = nullptr;
  int status = mdb_txn_begin(env, nullptr, 0, &txn);
  if (status != 0) {
    throw IndexError("open", status);
  }
  MDB_dbi table = 0;
  MDB_val key = ToFormatVal("format");
  MDB_val value = ToFormatVal(kFormat);
  status = mdb_dbi_open(txn, "format", MDB_CREATE, &table);
  if (status == 0) {
    status = mdb_put(txn, table, &key, &value, MDB_NOOVERWRITE);
  }
  if (status == MDB_KEYEXIST) {
    status = FromFormatVal(value) == kFormat ? 0 : MDB_VERSION_MISMATCH;
  }
  if (status != 0) {
    mdb_txn_abort(txn);
  } else {
    status = mdb_txn_commit(txn);
  }
  if (status != 0) {
    throw std::system_error(status, std::generic_category());
  }
}

// A file cut short would end us with SIGBUS; its lost pages read as zeros give MDB_CORRUPTED.
void RestoreLength(MDB_env* env) {
  MDB_envinfo info;
  MDB_stat stat;
  mdb_filehandle_t fd = -1;
  struct stat file = {};
  if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0 || mdb_env_get_fd(env, &fd) != 0 ||
      ::fstat(fd, &file) != 0) {
    return;
  }
  const uint64_t needed = (uint64_t{info.me_last_pgno} + 1) * stat.ms_psize;
  if (static_cast<uint64_t>(file.st_size) < needed && ::ftruncate(fd, static_cast<off_t>(needed)) != 0) {
    throw IndexError("open", errno);
  }
}

void OnAssertion(MDB_env* env, const char* message) {
  // LMDB aborts after this; the next start must not run into the same page.
  const auto* index = static_cast<const std::string*>(mdb_env_get_userctx(env));
  if (index != nullptr) {
    MarkIndexDamaged(*index);
  }
  LogError(StrCat("The cache index is damaged: ", message));
}

// Returns the status; `env` is null unless it is 0.
int TryOpen(const std::filesystem::path& index, uint64_t map_size, MDB_env*& env) {
  env = nullptr;
  if (::access((index / kDamagedMarker).c_str(), F_OK) == 0) {
    return MDB_CORRUPTED;
  }
  AllocateLockFile(index);
  int status = mdb_env_create(&env);
  if (status == 0) {
    mdb_env_set_assert(env, &OnAssertion);
    mdb_env_set_userctx(env, new std::string(index.string()));
    mdb_env_set_maxdbs(env, kMaxTables);
    mdb_env_set_maxreaders(env, kMaxReaders);
    mdb_env_set_mapsize(env, map_size);
    status = mdb_env_open(env, index.c_str(), kFlags, 0600);
  }
  try {
    if (status == 0) {
      RestoreLength(env);
      mdb_reader_check(env, nullptr);  // slots of processes that were killed
      CheckFormat(env);
    }
  } catch (const std::system_error& error) {
    status = error.code().value();
  } catch (...) {
    CloseIndex(env);
    env = nullptr;
    throw;
  }
  if (status != 0 && env != nullptr) {
    CloseIndex(env);
    env = nullptr;
  }
  return status;
}

void PutAside(const std::filesystem::path& index) {
  const std::filesystem::path aside = index.string() + ".damaged";
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  if (::rename(index.c_str(), aside.c_str()) != 0) {
    throw IndexError("put aside", errno);
  }
  MakeIndexDirectory(index);
}

}  // namespace

bool MeansDamage(int status) {
  return status == MDB_CORRUPTED || status == MDB_PAGE_NOTFOUND || status == MDB_INVALID ||
         status == MDB_VERSION_MISMATCH || status == MDB_INCOMPATIBLE;
}

Error IndexError(const char* doing, int status) {
  return Error(CodeOf(status), StrCat("Cannot ", doing, " the cache index: ", mdb_strerror(status)));
}

void MakeIndexDirectory(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    const int reason = errno;
    throw Error(ErrorCode::kStorage, StrCat("Cannot make the directory ", path.string(), ": ", std::strerror(reason),
                                            "; choose another cache directory"));
  }
}

void MarkIndexDamaged(const std::filesystem::path& index) {
  UniqueFd marker(::open((index / kDamagedMarker).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

MDB_env* OpenIndex(const std::filesystem::path& directory, const std::filesystem::path& index, uint64_t map_size) {
  MakeIndexDirectory(index);
  const UniqueFd opening = LockOpening(directory);
  MDB_env* env = nullptr;
  int status = TryOpen(index, map_size, env);
  if (MeansDamage(status)) {
    LogWarning(StrCat("The cache index ", index.string(), " is damaged or of another version (", mdb_strerror(status),
                      "): it is put aside and made anew"));
    PutAside(index);
    status = TryOpen(index, map_size, env);
  }
  if (status != 0) {
    throw IndexError("open", status);
  }
  ReserveIndexRoom(env);
  return env;
}

void ReserveIndexRoom(MDB_env* env) {
  MDB_envinfo info;
  MDB_stat stat;
  mdb_filehandle_t fd = -1;
  if (mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0 && mdb_env_get_fd(env, &fd) == 0) {
    const uint64_t end = (uint64_t{info.me_last_pgno} + 1) * stat.ms_psize;
    // Failing is no harm.
    (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end), kRoomToGrow);
  }
}

void CloseIndex(MDB_env* env) {
  delete static_cast<std::string*>(mdb_env_get_userctx(env));
  mdb_env_close(env);
}

}  // namespace trolley
