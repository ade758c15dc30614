// Carries out what views decide: sends their queries through the caching searcher and keeps the tables of results that
// were listed. Called by the mount's FUSE threads, which must not wait (Try..., ...Async), and by the fetch engine.
#include "tree/tree.h"

#include <map>
#include <utility>
#include <variant>

#include "base/text.h"
#include "search/level_queries.h"
#include "tree/directories.h"
#include "tree/table_cache.h"
#include "tree/view.h"
#include "tree/view_registry.h"
#include "tree/views/study_and_series.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using TopDirectories = std::map<std::string, DirectoryPtr, std::less<>>;

// The mount's root: lists the top-level views.
class RootView : public MemoryView {
 public:
  RootView(const TopDirectories& directories, const TreeOptions& options)
      : directories_(directories), options_(options) {}

  std::variant<ListingPtr, Query> List(const DirectoryPtr&) const override {
    std::vector<std::string> names;
    for (const auto& [name, directory] : directories_) {
      names.push_back(name);
    }
    return MakeMemoryListing(
        std::move(names), true,
        [this](std::string_view name) {
          return Node{directories_.find(name)->second, std::nullopt};
        },
        options_.now());
  }
  LookupStep Lookup(const DirectoryPtr&, std::string_view name, const std::function<TablePtr()>&) const override {
    const auto found = directories_.find(name);
    return found == directories_.end() ? std::nullopt : std::optional(Node{found->second, std::nullopt});
  }

 private:
  const TopDirectories& directories_;
  const TreeOptions& options_;
};

QuickLookup Known(std::optional<Node> node) {
  const auto status = node ? QuickLookup::Status::kFound : QuickLookup::Status::kAbsent;
  return {status, std::move(node)};
}

}  // namespace

class Tree::Impl {
 public:
  Impl(TreeOptions options, std::shared_ptr<CachingSearcher> searcher)
      : options_(std::move(options)),
        searcher_(std::move(searcher)),
        study_view_(options_.names),
        views_(MakeTopLevelViews({options_, study_view_})),
        root_view_(top_, options_),
        tables_(options_.max_cached_listings) {
    auto root = std::make_shared<Directory>();
    root->view = &root_view_;
    root->mtime = std::chrono::system_clock::to_time_t(options_.now());
    root_ = root;
    for (const TopLevelView& top : views_) {
      Directory directory = ChildOf(root_, top.name, *top.view);
      directory.query = top.query;
      top_[top.name] = std::make_shared<const Directory>(std::move(directory));
    }
  }

  const DirectoryPtr& root() const { return root_; }

  ListingPtr TryList(const DirectoryPtr& directory) {
    const auto step = directory->view->List(directory);
    if (const auto* listing = std::get_if<ListingPtr>(&step)) {
      return *listing;
    }
    const auto result = searcher_->GetFresh(std::get<Query>(step));
    return result ? Show(directory, *result) : nullptr;
  }

  void ListAsync(const DirectoryPtr& directory, const Context& context, std::function<void(MakeListingLater)> done) {
    auto step = directory->view->List(directory);
    if (auto* listing = std::get_if<ListingPtr>(&step)) {
      done([listing = std::move(*listing)] { return listing; });
      return;
    }
    searcher_->FindAsync(std::get<Query>(step), context, [this, directory, done = std::move(done)](FindOutcome found) {
      done([this, directory, found = std::move(found)] { return Show(directory, FindOutcome(found).Get()); });
    });
  }

  ListingPtr List(const DirectoryPtr& directory, const Context& context) {
    auto step = directory->view->List(directory);
    if (auto* listing = std::get_if<ListingPtr>(&step)) {
      return std::move(*listing);
    }
    return Show(directory, searcher_->FindWithTime(std::get<Query>(step), context));
  }

  QuickLookup TryLookup(const DirectoryPtr& directory, std::string_view name) {
    auto step = Step(directory, name);
    if (auto* known = std::get_if<std::optional<Node>>(&step)) {
      return Known(std::move(*known));
    }
    const auto& plan = std::get<LookupPlan>(step);
    const auto result = searcher_->GetFresh(plan.query);
    if (!result) {
      return {};
    }
    auto node = plan.find(*TableFor(plan, *result));
    // A name that a stale result does not have may be new in the archive.
    return node || !result->stale ? Known(std::move(node)) : QuickLookup{};
  }

  std::optional<Node> Lookup(const DirectoryPtr& directory, std::string_view name, const Context& context) {
    auto step = Step(directory, name);
    if (auto* known = std::get_if<std::optional<Node>>(&step)) {
      return std::move(*known);
    }
    const auto& plan = std::get<LookupPlan>(step);
    return FindIn(plan, searcher_->FindWithTime(plan.query, context));
  }

  void LookupAsync(const DirectoryPtr& directory, std::string_view name, const Context& context,
                   std::function<void(FindNodeLater)> done) {
    auto step = Step(directory, name);
    if (auto* known = std::get_if<std::optional<Node>>(&step)) {
      done([node = std::move(*known)] { return node; });
      return;
    }
    const auto plan = std::make_shared<const LookupPlan>(std::get<LookupPlan>(std::move(step)));
    searcher_->FindAsync(plan->query, context, [this, plan, done = std::move(done)](FindOutcome found) {
      done([this, plan, found = std::move(found)] { return FindIn(*plan, FindOutcome(found).Get()); });
    });
  }

  std::shared_ptr<const std::vector<Uid>> CachedInstances(const SeriesReference& series) {
    const auto result = searcher_->GetCached(SeriesQuery(series));
    if (!result) {
      return nullptr;
    }
    TablePtr table = tables_.FindInstances(result->studies, series);
    if (table == nullptr) {
      table = std::make_shared<const Table>(std::make_unique<InstanceRows>(result->studies, series, options_.names));
    }
    return std::make_shared<const std::vector<Uid>>(table->Uids());
  }

  std::vector<SeriesReference> CachedFollowingSeries(const SeriesReference& series, size_t count) {
    std::vector<SeriesReference> following;
    const auto result = searcher_->GetCached(StudyQuery(StudyReference{series.study}));
    if (!result) {
      return following;
    }
    const Table table(std::make_unique<SeriesRows>(result->studies, series.study, options_.names, nullptr));
    const auto index = table.IndexOfUid(series.series);
    for (size_t i = index ? *index + 1 : table.size(); i < table.size() && following.size() < count; ++i) {
      following.push_back({series.study, *table.uid(i)});
    }
    return following;
  }

  void ListSeries(const SeriesReference& series, const Context& context) {
    (void)searcher_->FindWithTime(SeriesQuery(series), context);
  }

 private:
  TablePtr TableOf(const DirectoryPtr& directory, const CachedResult& result) {
    if (TablePtr table = tables_.Find(directory->path, result.studies)) {
      return table;
    }
    auto table = std::make_shared<const Table>(directory->view->MakeRows(*directory, result.studies));
    tables_.Insert(directory->path, table);
    return table;
  }

  ListingPtr Show(const DirectoryPtr& directory, const CachedResult& result) {
    directory->view->NoteListed(*directory);
    return MakeListing(directory, TableOf(directory, result), result.fetched_at, result.stale);
  }

  // The table of the directory's listing; null when the archive has to be queried for it.
  TablePtr KnownTable(const DirectoryPtr& directory) {
    const auto step = directory->view->List(directory);
    const auto* query = std::get_if<Query>(&step);
    const auto result = query == nullptr ? std::nullopt : searcher_->GetFresh(*query);
    return result ? TableOf(directory, *result) : nullptr;
  }

  LookupStep Step(const DirectoryPtr& directory, std::string_view name) {
    return directory->view->Lookup(directory, name, [&] { return KnownTable(directory); });
  }

  TablePtr TableFor(const LookupPlan& plan, const CachedResult& result) {
    return plan.is_listing ? TableOf(plan.rows_of, result)
                           : std::make_shared<const Table>(plan.rows_of->view->MakeRows(*plan.rows_of, result.studies));
  }

  std::optional<Node> FindIn(const LookupPlan& plan, const CachedResult& result) {
    auto node = plan.find(*TableFor(plan, result));
    if (!node && result.stale) {
      // Only a fresh result shows that there is none.
      throw Error(ErrorCode::kUnavailable,
                  "Cannot look up a name: the archive cannot be queried, and its earlier result does not have it");
    }
    return node;
  }

  const TreeOptions options_;
  const std::shared_ptr<CachingSearcher> searcher_;
  const StudyView study_view_;
  const std::vector<TopLevelView> views_;
  TopDirectories top_;
  const RootView root_view_;
  DirectoryPtr root_;
  TableCache tables_;
};

Tree::Tree(TreeOptions options, std::shared_ptr<CachingSearcher> searcher)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(searcher))) {}
Tree::~Tree() = default;

DirectoryPtr Tree::root() const {
  return impl_->root();
}

ListingPtr Tree::TryList(const DirectoryPtr& directory) {
  try {
    return impl_->TryList(directory);
  } catch (const Error&) {
    return nullptr;  // List reports what is wrong.
  }
}

ListingPtr Tree::List(const DirectoryPtr& directory, const Context& context) {
  return impl_->List(directory, context);
}

void Tree::ListAsync(const DirectoryPtr& directory, const Context& context,
                     std::function<void(MakeListingLater)> done) {
  impl_->ListAsync(directory, context, std::move(done));
}

QuickLookup Tree::TryLookup(const DirectoryPtr& directory, std::string_view name) {
  try {
    return impl_->TryLookup(directory, name);
  } catch (const Error&) {
    return {};  // Lookup reports what is wrong.
  }
}

std::optional<Node> Tree::Lookup(const DirectoryPtr& directory, std::string_view name, const Context& context) {
  return impl_->Lookup(directory, name, context);
}

void Tree::LookupAsync(const DirectoryPtr& directory, std::string_view name, const Context& context,
                       std::function<void(FindNodeLater)> done) {
  impl_->LookupAsync(directory, name, context, std::move(done));
}

std::shared_ptr<const std::vector<Uid>> Tree::CachedInstances(const SeriesReference& series) {
  return impl_->CachedInstances(series);
}

std::vector<SeriesReference> Tree::CachedFollowingSeries(const SeriesReference& series, size_t count) {
  return impl_->CachedFollowingSeries(series, count);
}

void Tree::ListSeries(const SeriesReference& series, const Context& context) {
  impl_->ListSeries(series, context);
}

std::optional<Node> Tree::Resolve(std::string_view path, const Context& context) {
  Node node{root(), std::nullopt};
  for (const std::string_view name : Split(path, '/')) {
    if (name.empty()) {
      continue;
    }
    if (!node.directory) {
      return std::nullopt;
    }
    auto child = Lookup(node.directory, name, context);
    if (!child) {
      return std::nullopt;
    }
    node = *std::move(child);
  }
  return node;
}

}  // namespace trolley
