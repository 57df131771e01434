#include <gtest/gtest.h>

#include <inotify/error.hpp>
#include <inotify/event.hpp>
#include <sstream>
#include <string>
#include <utility>

namespace {

using inotify::Event;
using inotify::EventBits;
using inotify::Mask;
using inotify::OwnedEvent;

using Predicate = bool (EventBits::*)() const noexcept;

constexpr std::pair<Mask, Predicate> predicates[] = {
    {IN_ACCESS, &EventBits::is_access},
    {IN_MODIFY, &EventBits::is_modify},
    {IN_ATTRIB, &EventBits::is_attrib},
    {IN_CLOSE_WRITE, &EventBits::is_close_write},
    {IN_CLOSE_NOWRITE, &EventBits::is_close_nowrite},
    {IN_OPEN, &EventBits::is_open},
    {IN_MOVED_FROM, &EventBits::is_moved_from},
    {IN_MOVED_TO, &EventBits::is_moved_to},
    {IN_CREATE, &EventBits::is_create},
    {IN_DELETE, &EventBits::is_delete},
    {IN_DELETE_SELF, &EventBits::is_delete_self},
    {IN_MOVE_SELF, &EventBits::is_move_self},
    {IN_UNMOUNT, &EventBits::is_unmount},
    {IN_Q_OVERFLOW, &EventBits::is_overflow},
    {IN_IGNORED, &EventBits::is_ignored},
    {IN_ISDIR, &EventBits::is_dir},
};

Event sample() {
  Event event;
  event.wd = 3;
  event.mask = IN_MOVED_TO | IN_ISDIR;
  event.cookie = 42;
  event.name = "new name";
  event.path = "/tmp";
  event.fullpath = "/tmp/new name";
  event.moved_from = "/tmp/old";
  return event;
}

template <class T>
std::string printed(const T& event) {
  std::ostringstream out;
  out << event;
  return out.str();
}

TEST(Event, EachBitAnswersItsOwnQuestionAndNoOther) {
  for (const auto& [bit, asked] : predicates) {
    Event event;
    event.mask = bit;
    for (const auto& [other, question] : predicates) {
      EXPECT_EQ((event.*question)(), bit == other)
          << inotify::to_string(bit) << " asked for " << inotify::to_string(other);
    }
  }
}

TEST(Event, CanCarrySeveralBits) {  // [36]
  Event event;
  event.mask = IN_MODIFY | IN_ATTRIB;
  EXPECT_TRUE(event.is_modify());
  EXPECT_TRUE(event.is_attrib());
  EXPECT_FALSE(event.is_dir());
}

TEST(Event, ACombinationIsAnyOfItsBits) {
  for (const Mask bit : {Mask{IN_CLOSE_WRITE}, Mask{IN_CLOSE_NOWRITE}, Mask{IN_CLOSE}}) {
    Event event;
    event.mask = bit;
    EXPECT_TRUE(event.is_close());
    EXPECT_FALSE(event.is_move());
  }
  for (const Mask bit : {Mask{IN_MOVED_FROM}, Mask{IN_MOVED_TO}}) {
    Event event;
    event.mask = bit;
    EXPECT_TRUE(event.is_move());
    EXPECT_FALSE(event.is_close());
  }
  EXPECT_FALSE(Event().is_close() || Event().is_move());
}

TEST(Event, IsWrittenOnOneLine) {
  EXPECT_EQ(inotify::to_string(sample()),
            R"(IN_MOVED_TO|IN_ISDIR "/tmp/new name" from "/tmp/old" cookie=42)");
  Event from = sample();
  from.mask = IN_MOVED_FROM;
  from.moved_from = {};
  from.moved_to = "/else\nwhere";
  EXPECT_EQ(inotify::to_string(from),
            R"(IN_MOVED_FROM "/tmp/new name" to "/else\nwhere" cookie=42)");
}

TEST(Event, AnOverflowIsWrittenWithoutAPath) {
  Event event;
  event.mask = IN_Q_OVERFLOW;
  EXPECT_EQ(inotify::to_string(event), "IN_Q_OVERFLOW");
}

TEST(Event, SaysWhenItWasFoundByListing) {
  Event event;
  event.mask = IN_CREATE;
  event.fullpath = "/f";
  event.synthetic = true;
  EXPECT_EQ(inotify::to_string(event), R"(IN_CREATE "/f" synthetic)");
}

TEST(Event, OfAHoleIsWrittenWithItsCause) {
  Event event;
  event.path = event.fullpath = "/tmp/deep";
  event.error = inotify::make_error(ENOMEM);
  EXPECT_EQ(inotify::to_string(event),
            R"(hole "/tmp/deep": )" + std::generic_category().message(ENOMEM));
}

TEST(Event, StreamsAndStringsAgree) {
  EXPECT_EQ(printed(sample()), inotify::to_string(sample()));
  EXPECT_EQ(printed(OwnedEvent(sample())), inotify::to_string(sample()));
#ifdef __cpp_lib_format
  EXPECT_EQ(std::format("{}", sample()), inotify::to_string(sample()));
  EXPECT_EQ(std::format("{}", OwnedEvent(sample())), inotify::to_string(sample()));
#endif
}

TEST(Event, QuotesWhatWouldBreakTheLine) {
  EXPECT_EQ(inotify::quoted(""), R"("")");
  EXPECT_EQ(inotify::quoted("plain"), R"("plain")");
  EXPECT_EQ(inotify::quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(inotify::quoted("\n\t\r"), R"("\n\t\015")");
  EXPECT_EQ(inotify::quoted(std::string("\x01\x1f\x7f\0", 4)), R"("\001\037\177\000")");
  EXPECT_EQ(inotify::quoted("\x01\x32"), R"("\0012")")
      << "the digit that follows is no part of the escape";
}

TEST(Event, LeavesLettersOfAnyAlphabetAlone) {
  const std::string name = "\xc3\xa9t\xc3\xa9 \xe6\x97\xa5";
  EXPECT_EQ(inotify::quoted(name), '"' + name + '"');
}

TEST(OwnedEvent, KeepsEverythingAfterTheTextsAreGone) {
  OwnedEvent kept;
  {
    const std::string text = "a text longer than what a small string holds inside";
    Event event = sample();
    event.name = event.path = event.fullpath = event.moved_from = event.moved_to = text;
    event.synthetic = true;
    event.error = inotify::make_error(EACCES);
    kept = OwnedEvent(event);
  }
  const std::string text = "a text longer than what a small string holds inside";
  EXPECT_EQ(kept.wd, 3);
  EXPECT_EQ(kept.mask, IN_MOVED_TO | IN_ISDIR);
  EXPECT_EQ(kept.cookie, 42U);
  EXPECT_TRUE(kept.synthetic);
  EXPECT_EQ(kept.error, std::errc::permission_denied);
  for (const std::string* copy :
       {&kept.name, &kept.path, &kept.fullpath, &kept.moved_from, &kept.moved_to}) {
    EXPECT_EQ(*copy, text);
  }
}

TEST(OwnedEvent, ViewsItsOwnTexts) {
  const OwnedEvent kept(sample());
  const Event view = kept.view();
  EXPECT_EQ(inotify::to_string(view), inotify::to_string(sample()));
  EXPECT_EQ(view.wd, 3);
  EXPECT_EQ(view.name, "new name");
  EXPECT_EQ(view.path, "/tmp");
  EXPECT_EQ(view.fullpath.data(), kept.fullpath.data());
  EXPECT_EQ(view.fullpath.data()[view.fullpath.size()], '\0');
}

TEST(OwnedEvent, RoundTripsThroughItsView) {
  const OwnedEvent kept(sample());
  const OwnedEvent again(kept.view());
  EXPECT_EQ(printed(again), printed(kept));
  EXPECT_EQ(again.path, kept.path);
  EXPECT_EQ(again.name, kept.name);
}

}  // namespace
