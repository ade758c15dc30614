#include "archive/archive.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "archive/status.h"
#include "base/mutex.h"
#include "base/text.h"
#include "cache/blob_store.h"
#include "cache/lmdb_environment.h"
#include "config/clients.h"
#include "config/default_directories.h"
#include "config/registry.h"
#include "config/search_stores.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint64_t kMaxResultBytes = uint64_t{512} << 20;
constexpr std::chrono::milliseconds kLookForStop{100};

// The transfers that LearnSizes waits for. Shared with their callbacks, which may come after it has given up.
class SizeProgress : public std::enable_shared_from_this<SizeProgress> {
 public:
  // Counts one more transfer, after waiting until fewer than `limit` are open. False: one has failed.
  bool Begin(size_t limit, const Context& context) {
    MutexLock lock(mutex_);
    while (open_ >= limit && !error_) {
      WaitForChange(lock, context);
    }
    if (error_) {
      return false;
    }
    ++open_;
    return true;
  }

  // An announced length is only a size when the transfer has ended well.
  void FinishWhenWhole(const Retriever::Opened& opened, const std::stop_token& stop) {
    if (opened.instance == nullptr) {
      Finish(opened.error);
      return;
    }
    const auto file = opened.instance;
    file->WhenReadable(file->size() - 1, 1, stop, [self = shared_from_this(), file] {
      std::byte last;
      try {
        file->TryRead(file->size() - 1, {&last, 1});
        self->Finish(nullptr);
      } catch (...) {
        self->Finish(std::current_exception());
      }
    });
  }

  // Throws the first failure.
  void WaitForAll(const Context& context) {
    MutexLock lock(mutex_);
    while (open_ > 0 && !error_) {
      WaitForChange(lock, context);
    }
    if (error_) {
      std::rethrow_exception(error_);
    }
  }

 private:
  void WaitForChange(MutexLock& lock, const Context& context) TROLLEY_REQUIRES(mutex_) {
    changed_.WaitUntil(lock, Clock::now() + kLookForStop);
    context.Check("learn the sizes of a series");
  }

  void Finish(std::exception_ptr error) {
    const MutexLock lock(mutex_);
    --open_;
    if (error && !error_) {
      error_ = std::move(error);
    }
    changed_.NotifyAll();
  }

  Mutex mutex_;
  Condition changed_;
  size_t open_ TROLLEY_GUARDED_BY(mutex_) = 0;
  std::exception_ptr error_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace

class Archive::Impl {
 public:
  explicit Impl(ArchiveConfig config);

  void CheckReachable(const Context& context);
  void LearnSizes(const std::vector<InstanceReference>& instances, const Context& context);
  ArchiveStatus Status();

  const ArchiveConfig config_;
  const std::chrono::system_clock::time_point started_at_ = std::chrono::system_clock::now();
  std::shared_ptr<LmdbEnvironment> lmdb_;
  std::shared_ptr<BlobStore> results_;
  Clients clients_;
  std::shared_ptr<InstanceCache> instances_;
  std::shared_ptr<CachingSearcher> searcher_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<Retriever> retriever_;  // asks the tree

 private:
  void OpenCaches();
};

Archive::Impl::Impl(ArchiveConfig config) : config_(std::move(config)) {
  OpenCaches();
  clients_ = MakeClients(config_, lmdb_);

  const bool searches_folder = config_.searcher->endpoint_as<FolderEndpoint>() != nullptr;
  CachingSearcherOptions cached;
  cached.expiry = config_.search_expiry;
  // The first look at a big folder takes as long as it takes; what it has found is kept when it is interrupted.
  cached.query_timeout = searches_folder ? config_.transfer_timeout : config_.query_timeout;
  // The folder's own index survives restarts; its search results need not.
  searcher_ = std::make_shared<CachingSearcher>(clients_.searcher,
                                                searches_folder ? nullptr : MakeResultStore(results_), cached);

  TreeOptions tree;
  tree.browse = config_.browse;
  tree.names = config_.names;
  tree.control_files = {"README.txt", "errors", "metrics", "status.json"};
  tree_ = std::make_unique<Tree>(std::move(tree), searcher_);

  RetrieverOptions retriever;
  retriever.archive = config_.Identity();
  retriever.concurrency = Concurrency(config_, clients_);
  retriever.max_concurrency = MaxConcurrency(config_, clients_);
  retriever.transfer_timeout = config_.transfer_timeout;
  retriever.series_list = [this](const SeriesReference& series) { return tree_->CachedInstances(series); };
  retriever.following_series = [this](const SeriesReference& series, size_t count) {
    return tree_->CachedFollowingSeries(series, count);
  };
  retriever.list_series = [this](const SeriesReference& series, const Context& context) {
    tree_->ListSeries(series, context);
  };
  retriever.max_prefetched_bytes = std::min(retriever.max_prefetched_bytes, config_.cache_max_size / 4);
  retriever_ = std::make_unique<Retriever>(std::move(retriever), clients_.downloader, instances_);
}

void Archive::Impl::OpenCaches() {
  const std::filesystem::path directory =
      config_.cache_directory.empty() ? DefaultCacheDirectory() : config_.cache_directory;
  lmdb_ = LmdbEnvironment::Open(directory);
  results_ = std::make_shared<BlobStore>(lmdb_, "answers", config_.Identity(), kMaxResultBytes);
  if (config_.downloader->endpoint_as<FolderEndpoint>() == nullptr) {
    InstanceCacheOptions options;
    options.directory = directory;
    options.max_size = config_.cache_max_size;
    options.min_free = config_.cache_min_free;
    instances_ = std::make_shared<InstanceCache>(std::move(options), lmdb_);
  }
}

void Archive::Impl::CheckReachable(const Context& context) {
  try {
    clients_.searcher->Check(context);
  } catch (const Error& error) {
    const bool out_of_reach = error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kTimedOut;
    if (!out_of_reach || results_->empty()) {
      throw;
    }
    LogWarning(StrCat("The archive is out of reach, serving what is cached: ", error.what()));
  }
}

void Archive::Impl::LearnSizes(const std::vector<InstanceReference>& instances, const Context& context) {
  const auto progress = std::make_shared<SizeProgress>();
  // Whatever way this ends, nothing goes on for it.
  struct Stop : std::stop_source {
    ~Stop() { request_stop(); }
  } stop;
  const std::stop_callback pass_on(context.stop, [&stop] { stop.request_stop(); });
  if (instances.size() > 1) {  // of one series
    std::vector<Uid> expected;
    for (const InstanceReference& instance : instances) {
      expected.push_back(instance.instance);
    }
    retriever_->Expect(instances.front().series_reference(), expected);
  }
  for (const InstanceReference& instance : instances) {
    if (retriever_->KnownSize(instance)) {
      continue;
    }
    // Few open ones: each has to be transferred within its own time, whatever the number of the others.
    if (!progress->Begin(2 * Concurrency(config_, clients_), context)) {
      break;
    }
    retriever_->Open(instance, stop.get_token(), [progress, token = stop.get_token()](const Retriever::Opened& opened) {
      progress->FinishWhenWhole(opened, token);
    });
  }
  progress->WaitForAll(context);
}

ArchiveStatus Archive::Impl::Status() {
  ArchiveStatus status;
  status.down = searcher_->ArchiveIsDown();
  status.started_at = started_at_;
  status.transfers = retriever_->Status();
  if (instances_ != nullptr) {
    status.cache = instances_->Status();
  }
  return status;
}

Archive::Archive(ArchiveConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Archive::~Archive() = default;

void Archive::CheckReachable(const Context& context) {
  impl_->CheckReachable(context);
}

void Archive::Refresh() {
  impl_->searcher_->ExpireAll();
  if (impl_->clients_.folder != nullptr) {
    impl_->clients_.folder->Rescan();
  }
}

void Archive::LearnSizes(const std::vector<InstanceReference>& instances, const Context& context) {
  impl_->LearnSizes(instances, context);
}

const ArchiveConfig& Archive::config() const {
  return impl_->config_;
}
CachingSearcher& Archive::searcher() {
  return *impl_->searcher_;
}
Retriever& Archive::retriever() {
  return *impl_->retriever_;
}
Tree& Archive::tree() {
  return *impl_->tree_;
}
InstanceCache* Archive::instance_cache() {
  return impl_->instances_.get();
}

std::string Archive::ControlFile(std::string_view name) {
  if (name == "status.json") {
    return StatusJson(impl_->config_, impl_->Status());
  }
  if (name == "metrics") {
    return MetricsText(impl_->config_, impl_->Status());
  }
  if (name == "errors") {
    return ErrorsText();
  }
  return ReadmeText(impl_->config_);
}

}  // namespace trolley
