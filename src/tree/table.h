#ifndef TROLLEY_TREE_TABLE_H_
#define TROLLEY_TREE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tree/node.h"
#include "tree/rows.h"
#include "trolley/searcher.h"

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

// A search result as a directory shows it: its rows with their names, in the order of the names. Compact, because a
// series may have 100 000 instances. Immutable, shared; independent of the result's age.
class Table {
 public:
  // Names and sorts the rows, which takes a while for many.
  explicit Table(std::unique_ptr<const Rows> rows);

  const SearchResult& result() const { return content_->result(); }
  size_t size() const { return rows_.size(); }
  std::string_view name(size_t index) const { return names_[index]; }
  std::optional<size_t> IndexOf(std::string_view name) const { return names_.IndexOf(name); }
  // The UID of the row's study, series or instance; null for patients.
  const Uid* uid(size_t index) const { return content_->uid(rows_[index]); }
  // nullopt for a table of patients.
  std::optional<size_t> IndexOfUid(const Uid& uid) const;
  // nullopt unless this is a table of patients.
  std::optional<size_t> IndexOfPatient(std::string_view patient_id) const;
  // The series whose instances these are; null when they are something else.
  const SeriesReference* series() const { return content_->series(); }
  // All UIDs in the order of the names. Precondition: not a table of patients.
  std::vector<Uid> Uids() const;
  // The row as `name` in `directory`, whose view has made the rows.
  Node MakeNode(const DirectoryPtr& directory, size_t index, std::string_view name) const {
    return content_->MakeNode(directory, rows_[index], name);
  }

 private:
  const std::unique_ptr<const Rows> content_;
  std::vector<uint32_t> rows_;  // in the order of names_
  NameTable names_;
  mutable std::once_flag by_uid_made_;
  mutable std::vector<uint32_t> by_uid_;  // indices into rows_, in the order of UIDs
};
using TablePtr = std::shared_ptr<const Table>;

}  // namespace trolley

#endif  // TROLLEY_TREE_TABLE_H_
