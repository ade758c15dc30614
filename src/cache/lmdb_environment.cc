#include "cache/lmdb_environment.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace trolley {
namespace {

constexpr unsigned int kMaxReaders = 256;
constexpr unsigned int kMaxTables = 64;
constexpr size_t kLockFileSize = 64 << 10;
constexpr uint64_t kRoomToClear = 16 << 20;
constexpr uint64_t kWritesBetweenReaderChecks = 256;
constexpr std::string_view kFormat = "trolleyfs cache index 1";
constexpr const char* kDamagedMarker = "damaged";

// Data are synced at each commit, the meta page by the next one: after a crash of the system the index is that of an
// earlier transaction, never a torn one. NOTLS: read transactions belong to no thread.
constexpr unsigned int kFlags = MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD;

struct Registered {
  std::weak_ptr<LmdbEnvironment> environment;
  bool open = false;  // stays true until the environment is really closed
};

// LMDB must not open an environment twice in a process: closing one would drop the file locks of the other.
struct Registry {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::string, Registered> environments;
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;  // outlives every static environment
  return *registry;
}

MDB_val ToVal(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

std::string_view FromVal(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

bool MeansDamage(int status) {
  return status == MDB_CORRUPTED || status == MDB_PAGE_NOTFOUND || status == MDB_INVALID ||
         status == MDB_VERSION_MISMATCH || status == MDB_INCOMPATIBLE;
}

ErrorCode CodeOf(int status) {
  const bool full =
      status == MDB_MAP_FULL || status == MDB_TXN_FULL || status == ENOSPC || status == EDQUOT || status == EFBIG;
  return full ? ErrorCode::kNoSpace : ErrorCode::kStorage;
}

Error IndexError(const char* doing, int status) {
  return Error(CodeOf(status), StrCat("Cannot ", doing, " the cache index: ", mdb_strerror(status)));
}

void CreateDirectory(const std::filesystem::path& path) {
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
  MDB_val key = ToVal("format");
  MDB_val value = ToVal(kFormat);
  status = mdb_dbi_open(txn, "format", MDB_CREATE, &table);
  if (status == 0) {
    status = mdb_put(txn, table, &key, &value, MDB_NOOVERWRITE);
  }
  if (status == MDB_KEYEXIST) {
    status = FromVal(value) == kFormat ? 0 : MDB_VERSION_MISMATCH;
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
    UniqueFd marker(::open((*index + "/" + kDamagedMarker).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
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
    delete static_cast<std::string*>(mdb_env_get_userctx(env));
    mdb_env_close(env);
    env = nullptr;
    throw;
  }
  if (status != 0 && env != nullptr) {
    delete static_cast<std::string*>(mdb_env_get_userctx(env));
    mdb_env_close(env);
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
  CreateDirectory(index);
}

}  // namespace

void LmdbTransaction::Throw(const char* doing, int status) const {
  map_full_ = map_full_ || status == MDB_MAP_FULL;
  if (MeansDamage(status)) {
    env_.MarkDamaged();
  }
  throw IndexError(doing, status);
}

std::optional<std::string_view> LmdbTransaction::Get(LmdbTable table, std::string_view key) const {
  MDB_val key_value = ToVal(key);
  MDB_val value = {};
  const int status = mdb_get(txn_, table.handle, &key_value, &value);
  if (status == MDB_NOTFOUND) {
    return std::nullopt;
  }
  if (status != 0) {
    Throw("read", status);
  }
  return FromVal(value);
}

void LmdbTransaction::Put(LmdbTable table, std::string_view key, std::string_view value) {
  MDB_val key_value = ToVal(key);
  MDB_val data = ToVal(value);
  if (const int status = mdb_put(txn_, table.handle, &key_value, &data, 0); status != 0) {
    Throw("write", status);
  }
}

bool LmdbTransaction::Delete(LmdbTable table, std::string_view key) {
  MDB_val key_value = ToVal(key);
  const int status = mdb_del(txn_, table.handle, &key_value, nullptr);
  if (status != 0 && status != MDB_NOTFOUND) {
    Throw("write", status);
  }
  return status == 0;
}

void LmdbTransaction::Clear(LmdbTable table) {
  if (const int status = mdb_drop(txn_, table.handle, 0); status != 0) {
    Throw("clear", status);
  }
}

uint64_t LmdbTransaction::Count(LmdbTable table) const {
  MDB_stat stat = {};
  if (const int status = mdb_stat(txn_, table.handle, &stat); status != 0) {
    Throw("read", status);
  }
  return stat.ms_entries;
}

void LmdbTransaction::ForEach(LmdbTable table, std::string_view from,
                              const std::function<bool(std::string_view, std::string_view)>& visit) const {
  MDB_cursor* raw = nullptr;
  if (const int status = mdb_cursor_open(txn_, table.handle, &raw); status != 0) {
    Throw("read", status);
  }
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  MDB_val key = ToVal(from);
  MDB_val value = {};
  int status = mdb_cursor_get(raw, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (status == 0 && visit(FromVal(key), FromVal(value))) {
    status = mdb_cursor_get(raw, &key, &value, MDB_NEXT);
  }
  if (status != 0 && status != MDB_NOTFOUND) {
    Throw("read", status);
  }
}

std::shared_ptr<LmdbEnvironment> LmdbEnvironment::Open(const std::filesystem::path& directory, LmdbOptions options) {
  CreateDirectory(directory);
  std::error_code error;
  const auto canonical = std::filesystem::canonical(directory, error);
  if (error) {
    throw Error(ErrorCode::kStorage,
                StrCat("Cannot use the cache directory ", directory.string(), ": ", error.message()));
  }
  // With the process, since a child of fork() must not use its parent's environment.
  const std::string name = StrCat(::getpid(), ":", canonical.string());
  Registry& registry = TheRegistry();
  std::unique_lock lock(registry.mutex);
  Registered& registered = registry.environments[name];
  for (;;) {
    if (auto environment = registered.environment.lock()) {
      return environment;
    }
    if (!registered.open) {
      break;
    }
    registry.closed.wait(lock);
  }
  const auto index = canonical / "index";
  CreateDirectory(index);
  const UniqueFd opening = LockOpening(canonical);
  MDB_env* env = nullptr;
  int status = TryOpen(index, options.map_size, env);
  if (MeansDamage(status)) {
    LogWarning(StrCat("The cache index ", index.string(), " is damaged or of another version (", mdb_strerror(status),
                      "): it is put aside and made anew"));
    PutAside(index);
    status = TryOpen(index, options.map_size, env);
  }
  if (status != 0) {
    throw IndexError("open", status);
  }
  std::shared_ptr<LmdbEnvironment> environment(new LmdbEnvironment(env, index, name));
  registered.environment = environment;
  registered.open = true;
  return environment;
}

LmdbEnvironment::LmdbEnvironment(MDB_env* env, std::filesystem::path index, std::string registered)
    : env_(env), index_(std::move(index)), registered_(std::move(registered)) {}

LmdbEnvironment::~LmdbEnvironment() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  delete static_cast<std::string*>(mdb_env_get_userctx(env_));
  mdb_env_close(env_);
  registry.environments[registered_].open = false;
  registry.closed.notify_all();
}

LmdbTable LmdbEnvironment::Table(const char* name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = tables_.find(name); found != tables_.end()) {
      return found->second;
    }
  }
  LmdbTable table;
  Write([&](LmdbTransaction& transaction) {
    const int status = mdb_dbi_open(transaction.txn_, name, MDB_CREATE, &table.handle);
    if (status != 0) {
      transaction.Throw("open a table of", status);
    }
  });
  const std::lock_guard lock(mutex_);
  return tables_.emplace(name, table).first->second;
}

MDB_txn* LmdbEnvironment::BeginRead() const {
  MDB_txn* txn = nullptr;
  int status = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  for (int attempt = 0; status == MDB_READERS_FULL && attempt < 100; ++attempt) {
    mdb_reader_check(env_, nullptr);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    status = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (status == MDB_MAP_RESIZED) {
    return nullptr;
  }
  if (status != 0) {
    throw IndexError("read", status);
  }
  return txn;
}

void LmdbEnvironment::Read(const std::function<void(const LmdbTransaction&)>& work) const {
  for (int attempt = 0; attempt < 3; ++attempt) {
    {
      const std::shared_lock lock(no_remapping_);
      const std::unique_ptr<MDB_txn, decltype(&mdb_txn_abort)> txn(BeginRead(), &mdb_txn_abort);
      if (txn != nullptr) {
        work(LmdbTransaction(*this, txn.get()));
        return;
      }
    }
    AdoptMapSize();
  }
  throw IndexError("read", MDB_MAP_RESIZED);
}

MDB_txn* LmdbEnvironment::BeginWrite() {
  // Killed readers would keep pages from being used again.
  if (++writes_ % kWritesBetweenReaderChecks == 0) {
    mdb_reader_check(env_, nullptr);
  }
  MDB_txn* txn = nullptr;
  const int status = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (status != 0 && status != MDB_MAP_RESIZED) {
    throw IndexError("write", status);
  }
  return txn;
}

// False: the map was full or resized by another process, and was adapted; try again.
bool LmdbEnvironment::WriteOnce(const std::function<void(LmdbTransaction&)>& work, bool give_up_when_full) {
  {
    const std::shared_lock lock(no_remapping_);
    MDB_txn* txn = BeginWrite();
    if (txn != nullptr) {
      LmdbTransaction transaction(*this, txn);
      try {
        work(transaction);
      } catch (...) {
        mdb_txn_abort(txn);
        if (!transaction.map_full_ || give_up_when_full) {
          throw;
        }
        return false;
      }
      const int status = mdb_txn_commit(txn);
      if (status == MDB_MAP_FULL && !give_up_when_full) {
        return false;
      }
      if (status != 0) {
        transaction.Throw("write", status);
      }
      return true;
    }
  }
  AdoptMapSize();
  return WriteOnce(work, give_up_when_full);
}

void LmdbEnvironment::Write(const std::function<void(LmdbTransaction&)>& work) {
  if (!WriteOnce(work, false)) {
    MakeRoom();
    WriteOnce(work, true);
  }
}

// Even emptying tables needs some pages, hence a slightly larger map first.
void LmdbEnvironment::MakeRoom() {
  {
    const std::unique_lock lock(no_remapping_);
    MDB_envinfo info = {};
    mdb_env_info(env_, &info);
    mdb_env_set_mapsize(env_, info.me_mapsize + kRoomToClear);
  }
  std::vector<LmdbTable> tables;
  {
    const std::lock_guard lock(mutex_);
    tables = sacrificed_;
  }
  LogWarning("The cache index is full: stored search results are dropped");
  WriteOnce(
      [&](LmdbTransaction& transaction) {
        for (const LmdbTable table : tables) {
          transaction.Clear(table);
        }
      },
      true);
}

void LmdbEnvironment::Sacrifice(LmdbTable table) {
  const std::lock_guard lock(mutex_);
  for (const LmdbTable known : sacrificed_) {
    if (known.handle == table.handle) {
      return;
    }
  }
  sacrificed_.push_back(table);
}

void LmdbEnvironment::Sync() {
  mdb_env_sync(env_, 1);
}

void LmdbEnvironment::AdoptMapSize() const {
  const std::unique_lock lock(no_remapping_);
  mdb_env_set_mapsize(env_, 0);
}

void LmdbEnvironment::MarkDamaged() const {
  UniqueFd marker(::open((index_ / kDamagedMarker).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  LogError("The cache index is damaged: it will be made anew at the next start");
}

}  // namespace trolley
