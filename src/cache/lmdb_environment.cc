#include "cache/lmdb_environment.h"

#include <lmdb.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "cache/lmdb_open.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint64_t kRoomToClear = 16 << 20;
constexpr uint64_t kWritesBetweenChores = 64;

struct Registered {
  std::weak_ptr<LmdbEnvironment> environment;
  bool open = false;  // stays true until the environment is really closed
};

// LMDB must not open an environment twice in a process: closing one would drop the file locks of the other.
struct Registry {
  Mutex mutex;
  Condition closed;
  std::map<std::string, Registered> environments TROLLEY_GUARDED_BY(mutex);
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
  MakeIndexDirectory(directory);
  std::error_code error;
  const auto canonical = std::filesystem::canonical(directory, error);
  if (error) {
    throw Error(ErrorCode::kStorage,
                StrCat("Cannot use the cache directory ", directory.string(), ": ", error.message()));
  }
  // With the process, since a child of fork() must not use its parent's environment.
  const std::string name = StrCat(::getpid(), ":", canonical.string());
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  Registered& registered = registry.environments[name];
  for (;;) {
    if (auto environment = registered.environment.lock()) {
      return environment;
    }
    if (!registered.open) {
      break;
    }
    registry.closed.Wait(lock);
  }
  const auto index = canonical / "index";
  MDB_env* env = OpenIndex(canonical, index, options.map_size);
  std::shared_ptr<LmdbEnvironment> environment(new LmdbEnvironment(env, index, name));
  registered.environment = environment;
  registered.open = true;
  return environment;
}

LmdbEnvironment::LmdbEnvironment(MDB_env* env, std::filesystem::path index, std::string registered)
    : env_(env), index_(std::move(index)), registered_(std::move(registered)) {}

LmdbEnvironment::~LmdbEnvironment() {
  Registry& registry = TheRegistry();
  const MutexLock lock(registry.mutex);
  CloseIndex(env_);
  registry.environments[registered_].open = false;
  registry.closed.NotifyAll();
}

LmdbTable LmdbEnvironment::Table(const char* name) {
  {
    const MutexLock lock(mutex_);
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
  const MutexLock lock(mutex_);
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
      const ReaderLock lock(no_remapping_);
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
  if (++writes_ % kWritesBetweenChores == 0) {
    mdb_reader_check(env_, nullptr);  // killed readers would keep pages from being used again
    ReserveIndexRoom(env_);
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
    const ReaderLock lock(no_remapping_);
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
    const WriterLock lock(no_remapping_);
    MDB_envinfo info = {};
    mdb_env_info(env_, &info);
    mdb_env_set_mapsize(env_, info.me_mapsize + kRoomToClear);
  }
  std::vector<LmdbTable> tables;
  {
    const MutexLock lock(mutex_);
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
  const MutexLock lock(mutex_);
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
  const WriterLock lock(no_remapping_);
  mdb_env_set_mapsize(env_, 0);
}

void LmdbEnvironment::MarkDamaged() const {
  MarkIndexDamaged(index_);
  LogError("The cache index is damaged: it will be made anew at the next start");
}

}  // namespace trolley
