#include "trolley/readable_storage.h"

#include <deque>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"
#include "search/level_queries.h"
#include "tree/names.h"
#include "tree/rows.h"
#include "tree/table.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kKept = 1000;  // series
constexpr auto kStyle = NameStyle::kReadable;

}  // namespace

struct ReadableStorageDir::State {
  struct SeriesNames {
    std::filesystem::path directory;
    TablePtr instances;
  };

  explicit State(std::shared_ptr<Searcher> to_query) : searcher(std::move(to_query)) {}

  std::string StudyName(const Uid& study, const Context& context);
  std::string SeriesName(const SeriesReference& series, const Context& context) const;

  const std::shared_ptr<Searcher> searcher;
  Mutex mutex;
  std::map<std::string, Uid> study_of_name TROLLEY_GUARDED_BY(mutex);
  std::map<SeriesReference, SeriesNames> series TROLLEY_GUARDED_BY(mutex);
  std::deque<SeriesReference> prepared TROLLEY_GUARDED_BY(mutex);  // the latest last
};

ReadableStorageDir::ReadableStorageDir(DirectoryStorageOptions options, std::shared_ptr<Searcher> searcher)
    : DirectoryStorage(std::move(options)), state_(std::make_unique<State>(std::move(searcher))) {}

ReadableStorageDir::~ReadableStorageDir() = default;

void ReadableStorageDir::Prepare(std::span<const InstanceReference> instances, const Context& context) {
  if (instances.empty()) {
    return;
  }
  const SeriesReference series = instances.front().series_reference();
  {
    const MutexLock lock(state_->mutex);
    if (state_->series.contains(series)) {
      return;
    }
  }
  State::SeriesNames names;
  names.directory =
      std::filesystem::path(state_->StudyName(series.study, context)) / state_->SeriesName(series, context);
  names.instances = std::make_shared<const Table>(
      std::make_unique<InstanceRows>(state_->searcher->Find(SeriesQuery(series), context), series, kStyle));
  const MutexLock lock(state_->mutex);
  if (state_->series.try_emplace(series, std::move(names)).second) {
    state_->prepared.push_back(series);
  }
  if (state_->prepared.size() > kKept) {
    state_->series.erase(state_->prepared.front());
    state_->prepared.pop_front();
  }
}

std::string ReadableStorageDir::State::StudyName(const Uid& uid, const Context& context) {
  Query query = Query::ForStudy({uid}, Level::kStudy);
  IncludeStudyAttributes(query);
  const SearchResult result = searcher->Find(query, context);
  for (const Study& study : *result) {
    if (study.uid == uid) {
      // Two studies with equal short names are very rare; the later one gets the long name.
      const MutexLock lock(mutex);
      const std::string name = StudyDirectoryName(study, kStyle);
      return study_of_name.try_emplace(name, uid).first->second == uid
                 ? name
                 : StudyDirectoryName(study, kStyle, Suffix::kFull);
    }
  }
  return uid.str();
}

std::string ReadableStorageDir::State::SeriesName(const SeriesReference& wanted, const Context& context) const {
  const Table table(
      std::make_unique<SeriesRows>(searcher->Find(StudyQuery({wanted.study}), context), wanted.study, kStyle, nullptr));
  const auto index = table.IndexOfUid(wanted.series);
  return index ? std::string(table.name(*index)) : wanted.series.str();
}

std::filesystem::path ReadableStorageDir::PathOf(const InstanceReference& instance) {
  const MutexLock lock(state_->mutex);
  const auto series = state_->series.find(instance.series_reference());
  if (series == state_->series.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot name instance ", instance.instance.str(), ": its series was not prepared"));
  }
  const Table& table = *series->second.instances;
  const auto index = table.IndexOfUid(instance.instance);
  return series->second.directory / (index ? std::string(table.name(*index)) : instance.instance.str() + ".dcm");
}

}  // namespace trolley
