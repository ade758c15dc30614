#include "tree/readable_storage.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "search/level_queries.h"
#include "tree/directories.h"
#include "tree/names.h"

namespace trolley {
namespace {

constexpr size_t kKept = 1000;  // series
constexpr auto kStyle = NameStyle::kReadable;

// What a mount shows in the directory of a study or series.
TablePtr List(const Query& query, DirectoryKind kind, const SeriesReference& of, Searcher& searcher,
              const Context& context) {
  Directory directory;
  directory.kind = kind;
  directory.study = StudyReference{of.study};
  directory.series = of;
  return std::make_shared<Table>(directory, searcher.Find(query, context), kStyle);
}

}  // namespace

ReadableStorageDir::ReadableStorageDir(DirectoryStorageOptions options, std::shared_ptr<Searcher> searcher)
    : DirectoryStorage(std::move(options)), searcher_(std::move(searcher)) {}

void ReadableStorageDir::Prepare(std::span<const InstanceReference> instances, const Context& context) {
  if (instances.empty()) {
    return;
  }
  const SeriesReference series = instances.front().series_reference();
  {
    const std::lock_guard lock(mutex_);
    if (series_.contains(series)) {
      return;
    }
  }
  SeriesNames names;
  names.directory = std::filesystem::path(StudyName(series.study, context)) / SeriesName(series, context);
  names.instances = List(SeriesQuery(series), DirectoryKind::kSeries, series, *searcher_, context);
  const std::lock_guard lock(mutex_);
  if (series_.try_emplace(series, std::move(names)).second) {
    prepared_.push_back(series);
  }
  if (prepared_.size() > kKept) {
    series_.erase(prepared_.front());
    prepared_.pop_front();
  }
}

std::string ReadableStorageDir::StudyName(const Uid& uid, const Context& context) {
  Query query = Query::ForStudy({uid}, Level::kStudy);
  IncludeStudyAttributes(query);
  const SearchResult answer = searcher_->Find(query, context);
  for (const Study& study : *answer) {
    if (study.uid == uid) {
      // Two studies whose short names are equal are very rare: the later one gets the long name.
      const std::lock_guard lock(mutex_);
      const std::string name = StudyDirectoryName(study, kStyle);
      return study_of_name_.try_emplace(name, uid).first->second == uid
                 ? name
                 : StudyDirectoryName(study, kStyle, Suffix::kFull);
    }
  }
  return uid.str();
}

std::string ReadableStorageDir::SeriesName(const SeriesReference& series, const Context& context) {
  const TablePtr table = List(StudyQuery({series.study}), DirectoryKind::kStudy, series, *searcher_, context);
  const auto index = table->IndexOfUid(series.series);
  return index ? std::string(table->name(*index)) : series.series.str();
}

std::filesystem::path ReadableStorageDir::PathOf(const InstanceReference& instance) {
  const std::lock_guard lock(mutex_);
  const auto series = series_.find(instance.series_reference());
  if (series == series_.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot name instance ", instance.instance.str(), ": its series was not prepared"));
  }
  const Table& table = *series->second.instances;
  const auto index = table.IndexOfUid(instance.instance);
  return series->second.directory / (index ? std::string(table.name(*index)) : instance.instance.str() + ".dcm");
}

}  // namespace trolley
