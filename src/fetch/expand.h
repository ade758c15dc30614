#ifndef TROLLEY_FETCH_EXPAND_H_
#define TROLLEY_FETCH_EXPAND_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/references.h"
#include "trolley/searcher.h"

namespace trolley {

// An instance to be downloaded.
struct WantedInstance {
  InstanceReference reference;
  std::optional<uint64_t> size;  // of the archive's file, when the archive reported it exactly
};

// Receives what references lead to.
class ExpandSink {
 public:
  virtual ~ExpandSink() = default;
  // Whether a series of which everything is wanted can be had without a list of its instances, if their number is
  // known. If so, OnWholeSeries is called instead of OnSeries.
  virtual bool TakesWholeSeries(const SeriesReference& series);
  virtual void OnWholeSeries(const SeriesReference& series, uint64_t instances);
  // Instances of one series, never none, each once; a series comes once.
  virtual void OnSeries(std::vector<WantedInstance> instances) = 0;
  // The archive says that there is none, or that there is nothing in it.
  virtual void OnMissing(const Reference& reference) = 0;
  // It could not be found out.
  virtual void OnFailed(const Reference& reference, const Error& error) = 0;
};

// Finds the instances of everything in `references`. Queries only what is missing: the series of whole studies, the
// instances of the series that are wanted, each once, also when a reference is repeated or contained in another;
// instances that are named are not requested at all. Throws what the sink throws, and kCancelled or kTimedOut when
// `context` ends; other failures concern one reference and are reported to the sink.
void Expand(std::span<const Reference> references, Searcher& searcher, ExpandSink& sink, const Context& context);

// All instances of a series. Throws as Searcher::Find.
std::vector<WantedInstance> ListSeries(const SeriesReference& series, Searcher& searcher, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_FETCH_EXPAND_H_
