// In place of download_curl.cc where libcurl was not there when nestp was built, and in the static
// form, which cannot load a library.
#include "cli/image/download.h"

namespace nestp {

const std::string& libcurl_failure() {
  static const std::string failure = "this nestp was built without libcurl";
  return failure;
}

Outcome<Done, TransferError> transfer_by_libcurl(const DownloadRequest&, const std::string&,
                                                 const std::string&) {
  return TransferError{.message = libcurl_failure()};
}

Result<Answer> fetch_by_libcurl(const std::string&, const std::vector<std::string>&) {
  return Error{libcurl_failure()};
}

}  // namespace nestp
