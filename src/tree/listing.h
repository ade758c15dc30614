#ifndef TROLLEY_TREE_LISTING_H_
#define TROLLEY_TREE_LISTING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tree/tree.h"

namespace trolley {

// Names in one piece of memory, in order.
class NameTable {
 public:
  NameTable() = default;
  // `name` gives them in order.
  NameTable(size_t count, const std::function<std::string_view(size_t index)>& name);
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t index) const;
  std::optional<size_t> IndexOf(std::string_view name) const;

 private:
  std::string text_;
  std::vector<uint32_t> ends_;
};

// An answer as a directory shows it: which rows, by which names, in order. Compact, for a series may have 100 000
// instances. Immutable, shared; independent of the age of the answer.
class Table {
 public:
  // The rows of `answer` that belong into `directory` (of a kind that is answered by the archive).
  Table(const Directory& directory, SearchResult answer, NameStyle style);

  const SearchResult& answer() const { return answer_; }
  size_t size() const { return rows_.size(); }
  std::string_view name(size_t index) const { return names_[index]; }
  std::optional<size_t> IndexOf(std::string_view name) const { return names_.IndexOf(name); }
  // Where a UID is (in patients/: none), or a PatientID.
  std::optional<size_t> IndexOfUid(const Uid& uid) const;
  std::optional<size_t> IndexOfPatient(std::string_view patient_id) const;
  // In a series; null elsewhere.
  const Uid* instance(size_t index) const {
    return series_ == nullptr ? nullptr : &series_->instances[rows_[index]].uid;
  }
  // In a series: its instances in the order of their names.
  std::vector<Uid> Instances() const;
  // The row as `name` in `directory`, which asked this table's question.
  Node MakeNode(const DirectoryPtr& directory, size_t index, std::string_view name) const;

 private:
  using NameOf = std::function<std::string(uint32_t row, int attempt)>;
  void AddStudies(const Directory& directory, NameStyle style);
  void AddPatients(NameStyle style);
  void AddSeries(const Directory& directory, NameStyle style);
  void AddInstances(const Directory& directory, NameStyle style);
  void Fill(const std::vector<uint32_t>& rows, const NameOf& name_of);
  const std::string& IdOf(uint32_t row) const;

  DirectoryKind kind_;
  SearchResult answer_;
  const Study* study_ = nullptr;    // kStudy, kSeries
  const Series* series_ = nullptr;  // kSeries
  std::vector<uint32_t> rows_;      // indices into studies, series or instances, in the order of names_
  NameTable names_;
  mutable std::once_flag by_id_made_;
  mutable std::vector<uint32_t> by_id_;  // indices into rows_, in the order of UIDs
};
using TablePtr = std::shared_ptr<const Table>;

ListingPtr MakeListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at,
                       bool stale);
// Answered from memory; `names` need not be in order.
ListingPtr MakeMemoryListing(std::vector<std::string> names, bool directories,
                             std::function<Node(std::string_view name)> make_node,
                             std::chrono::system_clock::time_point now);

}  // namespace trolley

#endif  // TROLLEY_TREE_LISTING_H_
