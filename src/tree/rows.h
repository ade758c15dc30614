#ifndef TROLLEY_TREE_ROWS_H_
#define TROLLEY_TREE_ROWS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tree/names.h"
#include "tree/node.h"
#include "trolley/searcher.h"

namespace trolley {

// Rows and their names, one for each; all names differ. In any order.
struct NamedRows {
  std::vector<uint32_t> rows;
  std::vector<std::string> names;
};

// The rows of a search result that belong into a directory, and what they are there. Immutable. Everything that a
// listing shows depends on the row alone, so that an instance has the same attributes whatever path leads to it.
class Rows {
 public:
  explicit Rows(SearchResult result) : result_(std::move(result)) {}
  virtual ~Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  const SearchResult& result() const { return result_; }
  virtual NamedRows Name() const = 0;
  // The UID of the study, series or instance that the row is; null for a patient.
  virtual const Uid* uid(uint32_t row) const = 0;
  // nullopt unless the row is a patient.
  virtual std::optional<std::string_view> patient_id(uint32_t) const { return std::nullopt; }
  // The series whose instances the rows are; null when they are something else.
  virtual const SeriesReference* series() const { return nullptr; }
  virtual Node MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const = 0;

 private:
  const SearchResult result_;  // never null
};

// 0, 1, ..., count - 1.
std::vector<uint32_t> RowIndices(size_t count);
// Names each row. Equal names get a longer suffix, all of them, so that it does not matter which came first.
NamedRows NameRows(const std::vector<uint32_t>& rows,
                   const std::function<std::string(uint32_t row, Suffix suffix)>& name_of);

// Studies as directories of `view`. `belongs` empty: all of the result.
class StudyRows : public Rows {
 public:
  using Filter = std::function<bool(const Study& study)>;
  StudyRows(SearchResult result, NameStyle style, const View* view, Filter belongs);

  NamedRows Name() const override;
  const Uid* uid(uint32_t row) const override;
  Node MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const override;

 private:
  const NameStyle style_;
  const View* const view_;
  const Filter belongs_;
};

// The series of a study as directories of `view` (null: for their UIDs and names only).
class SeriesRows : public Rows {
 public:
  SeriesRows(SearchResult result, const Uid& study, NameStyle style, const View* view);

  NamedRows Name() const override;
  const Uid* uid(uint32_t row) const override;
  Node MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const override;

 private:
  const Study* const study_;  // in the result; null when it has none
  const NameStyle style_;
  const View* const view_;
};

// The instances of a series as files.
class InstanceRows : public Rows {
 public:
  InstanceRows(SearchResult result, SeriesReference series, NameStyle style);

  NamedRows Name() const override;
  const SeriesReference* series() const override { return &reference_; }
  const Uid* uid(uint32_t row) const override;
  Node MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const override;

 private:
  const SeriesReference reference_;
  const Series* const series_;  // in the result; null when it has none
  const NameStyle style_;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_ROWS_H_
