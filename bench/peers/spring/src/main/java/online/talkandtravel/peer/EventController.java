package online.talkandtravel.peer;

import org.springframework.messaging.handler.annotation.MessageExceptionHandler;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.messaging.simp.annotation.SendToUser;
import org.springframework.stereotype.Controller;

@Controller
public class EventController {

    private final EventService service;
    private final SimpMessagingTemplate template;

    public EventController(EventService service, SimpMessagingTemplate template) {
        this.service = service;
        this.template = template;
    }

    @MessageMapping("/events.joinChat")
    public void join(@Payload EventRequest request) {
        send(service.join(request));
    }

    @MessageMapping("/events.leaveChat")
    public void leave(@Payload EventRequest request) {
        send(service.leave(request));
    }

    @MessageMapping("/events.startTyping")
    public void startTyping(@Payload EventRequest request) {
        send(service.type(request, EventType.START_TYPING));
    }

    @MessageMapping("/events.stopTyping")
    public void stopTyping(@Payload EventRequest request) {
        send(service.type(request, EventType.STOP_TYPING));
    }

    @MessageExceptionHandler
    @SendToUser("/queue/errors")
    public String refuse(Exception exception) {
        return exception.getMessage();
    }

    private void send(EventMessage message) {
        template.convertAndSend("/countries/%d/events".formatted(message.chatId()), message);
    }
}
