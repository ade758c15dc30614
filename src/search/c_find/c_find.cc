#include <algorithm>
#include <utility>

#include "dimse/association_pool.h"
#include "search/assemble.h"
#include "search/c_find/c_find_client.h"
#include "search/c_find/c_find_walk.h"
#include "search/c_find/patients_of_studies.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

class CFind : public Searcher {
 public:
  CFind(CFindOptions options, std::shared_ptr<AssociationPool> pool)
      : options_(std::move(options)), pool_(std::move(pool)), client_(options_, pool_) {}

  SearchResult Find(const Query& query, const Context& context) override {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + options_.query_timeout);
    return Assemble(query, WalkCFind(options_, client_, patients_, query, limited));
  }

  void Check(const Context& context) override { Echo(*pool_, context); }

 private:
  const CFindOptions options_;
  const std::shared_ptr<AssociationPool> pool_;
  CFindClient client_;
  PatientsOfStudies patients_;
};

}  // namespace

std::unique_ptr<Searcher> MakeCFindSearcher(CFindOptions options, std::shared_ptr<AssociationPool> pool) {
  return std::make_unique<CFind>(std::move(options), std::move(pool));
}

}  // namespace trolley
