// Any stream of events: whoever replays what coalesce() leaves ends where the original ends.
#include <inotify/coalesce.hpp>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "support/replay.hpp"
#include "support/stream.hpp"

namespace {

using inotify::Event;
using Events = std::vector<Event>;

std::string path(fuzz::Input& input) {
  static constexpr const char* names[] = {"/a", "/b", "/b."};
  std::string text = "/r";
  for (unsigned depth = 1 + input.below(3); depth > 0; --depth) text += input.of(names);
  return text;
}

void add(fuzz::Input& input, test::Stream& stream) {
  static constexpr inotify::Mask content[] = {IN_ACCESS,
                                              IN_MODIFY,
                                              IN_ATTRIB,
                                              IN_CLOSE_WRITE,
                                              IN_CLOSE_NOWRITE,
                                              IN_OPEN,
                                              IN_MODIFY | IN_CLOSE_WRITE};
  static constexpr inotify::Mask selves[] = {IN_DELETE_SELF, IN_MOVE_SELF, IN_IGNORED, IN_UNMOUNT};
  const inotify::Mask dir = input.below(2) == 0 ? IN_ISDIR : 0;
  switch (input.below(10)) {
    case 0:
      stream.add(IN_CREATE | dir, path(input)).synthetic = input.below(2) == 0;
      return;
    case 1:
      stream.add(IN_CREATE | IN_CLOSE_WRITE, path(input)).synthetic = true;
      return;
    case 2:
      stream.add(IN_DELETE | dir, path(input));
      return;
    case 3: {
      const std::string from = path(input);
      stream.rename(from, path(input), dir);
      return;
    }
    case 4:
      stream.add((input.below(2) == 0 ? IN_MOVED_FROM : IN_MOVED_TO) | dir, path(input)).cookie =
          1U << 30U;
      return;
    case 5:
      stream.add_self(input.of(selves), path(input));
      return;
    case 6:
      stream.add_self(IN_Q_OVERFLOW, "/r", -1);
      return;
    case 7:
      stream.hole(path(input));
      return;
    case 8:
      stream.add_self(input.of(content) | dir, path(input));
      return;
    default:
      stream.add(input.of(content) | dir, path(input));
  }
}

std::string text_of(const Events& events) {
  std::string text;
  for (const Event& event : events) text += inotify::to_string(event) + '\n';
  return text;
}

test::Tree replayed(const Events& events) {
  test::Replay replay({{"/r/a", true}, {"/r/a/a", false}, {"/r/b", false}});
  replay.apply(events);
  return replay.tree();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const inotify::CoalesceOptions options{.renames = input.below(2) == 1,
                                         .drop_short_lived = input.below(4) == 3};
  test::Stream stream;
  while (!input.empty()) add(input, stream);
  const Events events = stream.events();
  const Events folded = inotify::coalesce(events, options);
  fuzz::require(folded.size() <= events.size());
  if (options.drop_short_lived) return 0;  // takes at its word what such a stream need not keep
  fuzz::require(replayed(folded) == replayed(events));
  fuzz::require(text_of(inotify::coalesce(folded, options)) == text_of(folded));
  return 0;
}
