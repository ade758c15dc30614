#ifndef TROLLEY_DOWNLOAD_WADO_WADO_URI_H_
#define TROLLEY_DOWNLOAD_WADO_WADO_URI_H_

#include <memory>
#include <string>

#include "download/downloader.h"
#include "http/http_client.h"

namespace trolley {

struct WadoUriOptions {
  std::string url;  // of the service, "https://pacs.example/wado"; may have a query of its own ("...?site=1")
  // UID of a transfer syntax to ask for. Empty: none is named, and most servers send what they store.
  std::string transfer_syntax = {};
};

// WADO-URI, PS3.18 2024d §9: instances one after another.
std::unique_ptr<Downloader> MakeWadoUriDownloader(WadoUriOptions options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_WADO_WADO_URI_H_
