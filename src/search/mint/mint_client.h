#ifndef TROLLEY_SEARCH_MINT_MINT_CLIENT_H_
#define TROLLEY_SEARCH_MINT_MINT_CLIENT_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/context.h"
#include "trolley/http_client.h"
#include "trolley/query.h"

namespace trolley {

// The HTTP side of MINT. Thread-safe.
class MintClient {
 public:
  MintClient(std::string url, std::shared_ptr<HttpClient> http);

  // For messages.
  static std::string Doing(const Query& query);
  // GET {url}/studies. Throws what the status means; nullopt for 204.
  std::optional<std::string> Search(const std::vector<std::string>& terms, const std::string& doing,
                                    const Context& context);
  // GET {url}/studies/{uuid}/{path}. nullopt: the server has no such thing (404, 410).
  std::optional<std::string> Study(std::string_view uuid, std::string_view path, const std::string& doing,
                                   const Context& context);

 private:
  HttpResponse Get(const std::string& path_and_query, const Context& context);

  std::string base_;
  const std::shared_ptr<HttpClient> http_;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_CLIENT_H_
