#ifndef TROLLEY_SEARCH_QIDO_RS_H_
#define TROLLEY_SEARCH_QIDO_RS_H_

#include <memory>
#include <string>

#include "net/http.h"
#include "search/searcher.h"

namespace trolley {

struct QidoRsOptions {
  std::string url;              // base of the DICOMweb service, with or without trailing "/"
  uint32_t page_size = 5000;    // rows asked for at a time; a server that gives fewer is asked for the rest
  uint32_t max_rows = 1000000;  // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
};

// Search transaction of DICOMweb, PS3.18 2024d §10.6: hierarchical URLs where the parents' UIDs are known, else
// relational. Pages by limit and offset until a page brings no new UID. A server that does not percent-decode query
// strings is found out by a probe (`limit=%31`) when a value needs encoding, and is then asked with "?" wildcards and
// filtered here.
std::unique_ptr<Searcher> MakeQidoRsSearcher(QidoRsOptions options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_RS_H_
