#include "tree/tree.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "search/level_queries.h"
#include "tree/criteria.h"
#include "tree/directories.h"
#include "tree/listing.h"
#include "tree/names.h"
#include "tree/table_cache.h"

namespace trolley {
namespace {

constexpr size_t kMaxCriteriaDepth = 32;
constexpr uint64_t kControlFileBytes = 4096;  // until it is opened

using Status = QuickLookup::Status;

QuickLookup Found(Node node) {
  return {Status::kFound, std::move(node)};
}
QuickLookup Absent() {
  return {Status::kAbsent, std::nullopt};
}
QuickLookup AskArchive() {
  return {Status::kAskArchive, std::nullopt};
}

std::string_view LastName(const Directory& directory) {
  const std::string_view path = directory.path;
  return path.substr(path.rfind('/') + 1);
}

size_t CriteriaDepth(const Directory& directory) {
  size_t depth = 0;
  for (const Directory* at = &directory; at->kind == DirectoryKind::kCriteria; at = at->parent.get()) {
    ++depth;
  }
  return depth;
}

}  // namespace

InstanceReference File::reference() const {
  return {directory->series->study, directory->series->series, *instance};
}

// `context` null means: do not ask the archive.
class Tree::Impl {
 public:
  Impl(TreeOptions options, std::shared_ptr<CachingSearcher> searcher);

  ListingPtr List(const DirectoryPtr& directory, const Context* context);
  QuickLookup Find(const DirectoryPtr& directory, std::string_view name, const Context* context);
  std::shared_ptr<const std::vector<Uid>> PeekInstances(const SeriesReference& series);
  std::vector<SeriesReference> PeekFollowing(const SeriesReference& series, size_t count);
  void ListSeries(const SeriesReference& series, const Context& context) {
    (void)searcher_->FindWithTime(SeriesQuery(series), context);
  }
  const DirectoryPtr& root() const { return root_; }

 private:
  Query Question(const Directory& directory) const;
  std::optional<CachedResult> Ask(const Query& query, const Context* context);
  TablePtr TableOf(const DirectoryPtr& directory, const CachedResult& answer);
  TablePtr KnownTable(const DirectoryPtr& directory);

  ListingPtr ListFixed(const DirectoryPtr& directory);
  QuickLookup FindFixed(const DirectoryPtr& directory, std::string_view name);
  static QuickLookup AbsentFrom(const CachedResult& answer, const Context* context);
  QuickLookup FindUid(const DirectoryPtr& directory, std::string_view name, const Uid& uid, const Context* context);
  QuickLookup FindPatient(const DirectoryPtr& directory, std::string_view name, const TablePtr& known,
                          const Context* context);
  QuickLookup FindListed(const DirectoryPtr& directory, std::string_view name, const Context* context);
  std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const;
  DirectoryPtr MakeCriteria(const DirectoryPtr& parent, std::string_view name) const;
  Node MakeControlFile(const DirectoryPtr& directory, std::string_view name) const;

  const TreeOptions options_;
  const std::shared_ptr<CachingSearcher> searcher_;
  DirectoryPtr root_;
  std::map<std::string, DirectoryPtr, std::less<>> top_;
  TableCache tables_;
  SearchHistory searches_;
};

Tree::Impl::Impl(TreeOptions options, std::shared_ptr<CachingSearcher> searcher)
    : options_(std::move(options)), searcher_(std::move(searcher)), tables_(options_.max_cached_listings) {
  auto root = std::make_shared<Directory>();
  root->mtime = std::chrono::system_clock::to_time_t(options_.now());
  root_ = root;
  const Query browse = BrowseQuery(options_.browse, options_.now());
  top_["patients"] = MakeDirectory(DirectoryKind::kPatients, root_, "patients", browse);
  top_["studies"] = MakeDirectory(DirectoryKind::kStudies, root_, "studies", browse);
  top_["recent"] = MakeDirectory(DirectoryKind::kRecent, root_, "recent", browse);
  top_["search"] = MakeDirectory(DirectoryKind::kSearch, root_, "search");
  top_[".trolleyfs"] = MakeDirectory(DirectoryKind::kControl, root_, ".trolleyfs");
}

// What a listing of `directory` asks at this moment. Precondition: the archive answers it.
Query Tree::Impl::Question(const Directory& directory) const {
  switch (directory.kind) {
    case DirectoryKind::kPatient:
      // Who cannot be asked for is among those that the browse question finds.
      return directory.query ? *directory.query : BrowseQuery(options_.browse, options_.now());
    case DirectoryKind::kCriteria: {
      Query query =
          directory.parent->kind == DirectoryKind::kCriteria ? Question(*directory.parent) : Query(Level::kStudy);
      AddCriteria(LastName(directory), query, options_.now());
      IncludeStudyAttributes(query);
      return query;
    }
    case DirectoryKind::kStudy:
    case DirectoryKind::kSeries:
      return *directory.query;
    default:
      return BrowseQuery(options_.browse, options_.now());
  }
}

std::optional<CachedResult> Tree::Impl::Ask(const Query& query, const Context* context) {
  if (context == nullptr) {
    return searcher_->GetFresh(query);
  }
  return searcher_->FindWithTime(query, *context);
}

TablePtr Tree::Impl::TableOf(const DirectoryPtr& directory, const CachedResult& answer) {
  if (TablePtr table = tables_.Find(directory->path, answer.studies)) {
    return table;
  }
  auto table = std::make_shared<const Table>(*directory, answer.studies, options_.names);
  tables_.Insert(directory->path, table);
  return table;
}

TablePtr Tree::Impl::KnownTable(const DirectoryPtr& directory) {
  const auto answer = Ask(Question(*directory), nullptr);
  return answer ? TableOf(directory, *answer) : nullptr;
}

ListingPtr Tree::Impl::List(const DirectoryPtr& directory, const Context* context) {
  switch (directory->kind) {
    case DirectoryKind::kRoot:
    case DirectoryKind::kSearch:
    case DirectoryKind::kControl:
      return ListFixed(directory);
    default:
      break;
  }
  const auto answer = Ask(Question(*directory), context);
  if (!answer) {
    return nullptr;
  }
  if (directory->kind == DirectoryKind::kCriteria && directory->parent->kind == DirectoryKind::kSearch) {
    searches_.Add(LastName(*directory));
  }
  return MakeListing(directory, TableOf(directory, *answer), answer->fetched_at, answer->stale);
}

std::shared_ptr<const std::vector<Uid>> Tree::Impl::PeekInstances(const SeriesReference& series) {
  const auto answer = searcher_->GetCached(SeriesQuery(series));
  if (!answer) {
    return nullptr;
  }
  TablePtr table = tables_.FindByAnswer(answer->studies);
  if (table == nullptr) {
    Directory directory;
    directory.kind = DirectoryKind::kSeries;
    directory.study = StudyReference{series.study};
    directory.series = series;
    table = std::make_shared<const Table>(directory, answer->studies, options_.names);
  }
  return std::make_shared<const std::vector<Uid>>(table->Instances());
}

std::vector<SeriesReference> Tree::Impl::PeekFollowing(const SeriesReference& series, size_t count) {
  std::vector<SeriesReference> following;
  const auto answer = searcher_->GetCached(StudyQuery(StudyReference{series.study}));
  if (!answer) {
    return following;
  }
  const auto study = std::make_shared<Directory>();
  study->kind = DirectoryKind::kStudy;
  study->study = StudyReference{series.study};
  const Table table(*study, answer->studies, options_.names);
  const auto index = table.IndexOfUid(series.series);
  for (size_t i = index ? *index + 1 : table.size(); i < table.size() && following.size() < count; ++i) {
    following.push_back(table.MakeNode(study, i, table.name(i)).directory->series.value());
  }
  return following;
}

ListingPtr Tree::Impl::ListFixed(const DirectoryPtr& directory) {
  if (directory->kind == DirectoryKind::kControl) {
    return MakeMemoryListing(
        options_.control_files, false,
        [this, directory](std::string_view name) { return MakeControlFile(directory, name); }, options_.now());
  }
  if (directory->kind == DirectoryKind::kSearch) {
    return MakeMemoryListing(
        searches_.Names(), true,
        [this, directory](std::string_view name) {
          return Node{MakeCriteria(directory, name), std::nullopt};
        },
        options_.now());
  }
  std::vector<std::string> names;
  for (const auto& [name, child] : top_) {
    names.push_back(name);
  }
  return MakeMemoryListing(
      std::move(names), true,
      [this](std::string_view name) {
        return Node{top_.find(name)->second, std::nullopt};
      },
      options_.now());
}

QuickLookup Tree::Impl::Find(const DirectoryPtr& directory, std::string_view name, const Context* context) {
  switch (directory->kind) {
    case DirectoryKind::kRoot:
    case DirectoryKind::kSearch:
    case DirectoryKind::kControl:
      return FindFixed(directory, name);
    default:
      break;
  }
  if (IsJunkName(name)) {
    return Absent();
  }
  if (directory->kind == DirectoryKind::kCriteria && LooksLikeCriteria(name)) {
    return Found({MakeCriteria(directory, name), std::nullopt});
  }
  const TablePtr known = KnownTable(directory);
  if (known) {
    if (const auto index = known->IndexOf(name)) {
      return Found(known->MakeNode(directory, *index, name));
    }
  }
  const bool is_file = directory->kind == DirectoryKind::kSeries;
  if (directory->kind == DirectoryKind::kPatients) {
    if (!MayBeDirectoryName(name, NameStyle::kReadable)) {
      return FindPatient(directory, name, known, context);
    }
  } else if (const auto uid = ParseBareUid(name, is_file)) {
    if (known) {
      if (const auto index = known->IndexOfUid(*uid)) {
        return Found(known->MakeNode(directory, *index, name));
      }
    }
    return FindUid(directory, name, *uid, context);
  } else if (is_file ? !MayBeFileName(name, options_.names) : !MayBeDirectoryName(name, options_.names)) {
    return Absent();
  }
  return FindListed(directory, name, context);
}

QuickLookup Tree::Impl::FindFixed(const DirectoryPtr& directory, std::string_view name) {
  if (directory->kind == DirectoryKind::kRoot) {
    const auto found = top_.find(name);
    return found == top_.end() ? Absent() : Found({found->second, std::nullopt});
  }
  if (directory->kind == DirectoryKind::kControl) {
    const auto& files = options_.control_files;
    const bool exists = std::find(files.begin(), files.end(), name) != files.end();
    return exists ? Found(MakeControlFile(directory, name)) : Absent();
  }
  return LooksLikeCriteria(name) && !IsJunkName(name) ? Found({MakeCriteria(directory, name), std::nullopt}) : Absent();
}

// Criteria exist when they can be asked; whether anything matches is for the listing to say.
DirectoryPtr Tree::Impl::MakeCriteria(const DirectoryPtr& parent, std::string_view name) const {
  if (CriteriaDepth(*parent) >= kMaxCriteriaDepth) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot search: more than ", kMaxCriteriaDepth, " criteria directories in one another"));
  }
  auto directory = std::make_shared<Directory>(*MakeDirectory(DirectoryKind::kCriteria, parent, name));
  directory->query = Question(*directory);
  return directory;
}

Node Tree::Impl::MakeControlFile(const DirectoryPtr& directory, std::string_view name) const {
  File file;
  file.directory = directory;
  file.control = name;
  file.estimated_size = kControlFileBytes;
  file.mtime = directory->mtime;
  return {nullptr, std::move(file)};
}

// What the directory asks, narrowed to one UID; nullopt when that contradicts itself.
std::optional<Query> Tree::Impl::QueryForUid(const Directory& directory, const Uid& uid) const {
  switch (directory.kind) {
    case DirectoryKind::kStudy: {
      Query query = StudyQuery(*directory.study);
      query.Where(tag::kSeriesInstanceUID, uid.str());
      return query;
    }
    case DirectoryKind::kSeries: {
      Query query = SeriesQuery(*directory.series);
      query.Where(tag::kSOPInstanceUID, uid.str());
      return query;
    }
    case DirectoryKind::kStudies: {
      // Any study of the archive, not only those that browsing finds.
      Query query(Level::kStudy);
      query.Where(tag::kStudyInstanceUID, uid.str());
      IncludeStudyAttributes(query);
      return query;
    }
    default:
      break;
  }
  Query query(Level::kStudy);
  if (directory.kind == DirectoryKind::kPatient && !directory.query) {
    IncludeStudyAttributes(query);
  } else {
    query = Question(directory);
  }
  if (const std::string_view asked = query.Get(tag::kStudyInstanceUID); !asked.empty()) {
    const auto uids = Split(asked, '\\');
    if (std::find(uids.begin(), uids.end(), uid.str()) == uids.end()) {
      return std::nullopt;
    }
  }
  query.Where(tag::kStudyInstanceUID, uid.str());
  return query;
}

// What an old answer does not have may be new in the archive: only a fresh one says that there is none.
QuickLookup Tree::Impl::AbsentFrom(const CachedResult& answer, const Context* context) {
  if (!answer.stale) {
    return Absent();
  }
  if (context == nullptr) {
    return AskArchive();
  }
  throw Error(ErrorCode::kUnavailable,
              "Cannot look up a name: the archive cannot be asked, and its earlier answer does not have it");
}

QuickLookup Tree::Impl::FindUid(const DirectoryPtr& directory, std::string_view name, const Uid& uid,
                                const Context* context) {
  const auto question = QueryForUid(*directory, uid);
  if (!question) {
    return Absent();
  }
  const auto answer = Ask(*question, context);
  if (!answer) {
    return AskArchive();
  }
  const Table table(*directory, answer->studies, options_.names);
  const auto index = table.IndexOfUid(uid);
  return index ? Found(table.MakeNode(directory, *index, name)) : AbsentFrom(*answer, context);
}

QuickLookup Tree::Impl::FindPatient(const DirectoryPtr& directory, std::string_view name, const TablePtr& known,
                                    const Context* context) {
  const auto decoded = PercentDecode(name);
  const std::string id(decoded ? Trim(*decoded) : std::string_view());
  if (id.empty()) {
    return Absent();
  }
  if (known) {
    if (const auto index = known->IndexOfPatient(id)) {
      return Found(known->MakeNode(directory, *index, name));
    }
  }
  const DirectoryPtr patient = MakePatient(directory, name, id);
  if (!patient->query) {
    return Absent();
  }
  const auto answer = Ask(*patient->query, context);
  if (!answer) {
    return AskArchive();
  }
  return TableOf(patient, *answer)->size() == 0 ? AbsentFrom(*answer, context) : Found({patient, std::nullopt});
}

// A name that only a listing can explain.
QuickLookup Tree::Impl::FindListed(const DirectoryPtr& directory, std::string_view name, const Context* context) {
  const auto answer = Ask(Question(*directory), context);
  if (!answer) {
    return AskArchive();
  }
  const TablePtr table = TableOf(directory, *answer);
  const auto index = table->IndexOf(name);
  return index ? Found(table->MakeNode(directory, *index, name)) : AbsentFrom(*answer, context);
}

Tree::Tree(TreeOptions options, std::shared_ptr<CachingSearcher> searcher)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(searcher))) {}
Tree::~Tree() = default;

DirectoryPtr Tree::root() const {
  return impl_->root();
}

ListingPtr Tree::TryList(const DirectoryPtr& directory) {
  try {
    return impl_->List(directory, nullptr);
  } catch (const Error&) {
    return nullptr;  // List says what is wrong.
  }
}

ListingPtr Tree::List(const DirectoryPtr& directory, const Context& context) {
  return impl_->List(directory, &context);
}

QuickLookup Tree::TryLookup(const DirectoryPtr& directory, std::string_view name) {
  try {
    return impl_->Find(directory, name, nullptr);
  } catch (const Error&) {
    return AskArchive();  // Lookup says what is wrong.
  }
}

std::optional<Node> Tree::Lookup(const DirectoryPtr& directory, std::string_view name, const Context& context) {
  return impl_->Find(directory, name, &context).node;
}

std::shared_ptr<const std::vector<Uid>> Tree::PeekInstances(const SeriesReference& series) {
  return impl_->PeekInstances(series);
}

std::vector<SeriesReference> Tree::PeekFollowing(const SeriesReference& series, size_t count) {
  return impl_->PeekFollowing(series, count);
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
