#ifndef TROLLEY_CLIENT_H_
#define TROLLEY_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "trolley/config.h"
#include "trolley/context.h"
#include "trolley/download_report.h"
#include "trolley/downloader.h"
#include "trolley/error.h"
#include "trolley/query.h"
#include "trolley/searcher.h"
#include "trolley/storage.h"
#include "trolley/study.h"

namespace trolley {

// What is to be downloaded: references, or what a search found. Of a found study that has series, just these are meant,
// of a found series that has instances, just these; what has none is meant as a whole.
class Selection {
 public:
  Selection(StudyReference study);         // NOLINT(google-explicit-constructor): whatever can be downloaded is one
  Selection(SeriesReference series);       // NOLINT(google-explicit-constructor)
  Selection(InstanceReference instance);   // NOLINT(google-explicit-constructor)
  Selection(Reference reference);          // NOLINT(google-explicit-constructor)
  Selection(const Study& study);           // NOLINT(google-explicit-constructor)
  Selection(const SearchResult& studies);  // NOLINT(google-explicit-constructor)
  // A series does not know its study, nor an instance its series.
  Selection(const Study& study, const Series& series);
  Selection(const Study& study, const Series& series, std::span<const Instance> instances);
  explicit Selection(std::vector<Reference> references) : references_(std::move(references)) {}
  explicit Selection(std::span<const Study> studies);

  const std::vector<Reference>& references() const { return references_; }

 private:
  void Add(const Study& study);
  void Add(const StudyReference& study, const Series& series);

  std::vector<Reference> references_;
};

struct FetchedInstance {
  InstanceReference reference;
  std::span<const std::byte> bytes;  // the Part-10 file; valid during the call
};

// Searches and downloads, from an archive to a storage: the simplest way to use this library. Thread-safe.
class Trolley {
 public:
  // `storage` may be null when nothing but Find... and FetchAll is used.
  Trolley(std::shared_ptr<Searcher> searcher, std::shared_ptr<Downloader> downloader,
          std::shared_ptr<Storage> storage = nullptr);

  // For what a configuration or ResolveArchive() names. Searches are not cached. Sends no request yet. Throws as
  // MakeClients.
  explicit Trolley(const ArchiveConfig& archive, std::shared_ptr<Storage> storage = nullptr);

  // As Searcher::Find.
  SearchResult FindStudies(const Query& query, const Context& context = {});
  // The only study that matches; throws when it is none or several.
  Study FindStudy(const Query& query, const Context& context = {});

  // Downloads what is selected into the storage. A failure concerns what failed and nothing else: everything is tried,
  // and the report says what became of it (see DownloadReport::stopped_by for what ends it early). Uses constant
  // memory, besides the names of the instances of a few series. Throws only what the callbacks throw, and
  // kInvalidArgument without a storage.
  DownloadReport Download(const Selection& what, const DownloadOptions& options = {});
  // The same into another storage.
  DownloadReport Download(const Selection& what, Storage& storage, const DownloadOptions& options = {});
  // Hands each instance to `take` when it has arrived: one call after the other, in order of arrival. Each is held in
  // memory until then. `options.skip_complete` means nothing here.
  DownloadReport FetchAll(const Selection& what, const std::function<void(const FetchedInstance&)>& take,
                          const DownloadOptions& options = {});

 private:
  std::shared_ptr<Searcher> searcher_;
  std::shared_ptr<Downloader> downloader_;
  std::shared_ptr<Storage> storage_;
  unsigned archive_jobs_ = std::numeric_limits<unsigned>::max();
  unsigned archive_max_jobs_ = std::numeric_limits<unsigned>::max();
};

}  // namespace trolley

#endif  // TROLLEY_CLIENT_H_
